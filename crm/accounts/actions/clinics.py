"""Adding clinics."""

from uuid import UUID

from crm.accounts.models import Clinic
from crm.core.database import Database
from crm.core.ids import new_id
from crm.core.principal import SYSTEM


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
