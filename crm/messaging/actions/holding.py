"""The clinic's hold switch: nothing automated leaves until somebody releases it."""

from typing import Any

from sqlalchemy import update

from crm.accounts.models import Clinic
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import release_held
from crm.privacy.actions import audit

HELD, RELEASED = "sends.held", "sends.released"
"""What the audit trail calls it."""

_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]


def hold_sends(uow: UnitOfWork) -> None:
    """Hold all automated texts of the clinic; what is already on its way is not called back."""
    if _switch(uow, True):
        audit(uow, HELD)


def release_sends(uow: UnitOfWork) -> int:
    """Let automated texts leave again; return how many were held and are looked at now."""
    if not _switch(uow, False):
        return 0
    released = release_held(uow, "hold")
    audit(uow, RELEASED, texts=released)
    return released


def _switch(uow: UnitOfWork, is_holding: bool) -> bool:
    """Turn the switch; return whether it stood the other way, which only one of two sees."""
    turned: Any = uow.session.execute(
        update(_clinics)
        .where(
            _clinics.c.id == uow.clinic_id, _clinics.c.is_holding_sends.is_distinct_from(is_holding)
        )
        .values(is_holding_sends=is_holding)
    )
    return bool(turned.rowcount)
