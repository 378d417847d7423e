"""Adding clinics, and the turns in which their settings are edited."""

from uuid import UUID

from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.core.database import Database
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.uow import UnitOfWork


def add_clinic(
    database: Database, *, name: str, timezone: str, region: str = "US", language: str = "en"
) -> UUID:
    """Add a clinic with a data key of its own; return its id."""
    clinic_id = new_id()
    with database.transaction(clinic_id, SYSTEM) as uow:
        uow.add(
            Clinic(
                id=clinic_id,
                name=name,
                timezone=timezone,
                region=region,
                language=language,
                created_at=uow.now,
            ),
            database.keyring.new_key(),
        )
    return clinic_id


def lock_settings(uow: UnitOfWork) -> None:
    """Let whoever edits this clinic's settings take turns; readers and patients wait for nobody.

    What is checked afterwards, such as that a name is free, holds until the commit.
    """
    uow.session.execute(
        select(col(Clinic.id))
        .where(col(Clinic.id) == uow.clinic_id)
        .with_for_update(key_share=True)
    ).one_or_none()
