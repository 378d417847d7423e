"""How much automated writing a clinic lets one person have: its own limits, within the law's."""

from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit

CHANGED = "sends.limits_changed"
"""What the audit trail calls it."""

DAILY_CAPS = (1, 2, 3)
"""Automated texts to an address in 24 hours; more than three no clinic may want (LAW-27)."""

GAPS = (0, 60, 120, 240, 480, 1440)
"""Minutes between texts of different sequences to one person."""


def set_limits(uow: UnitOfWork, daily_cap: int, gap_minutes: int) -> None:
    """Set a clinic's limits; each is one that the law allows. What waits is checked by them anew.

    Raises ValueError for any other.
    """
    if daily_cap not in DAILY_CAPS or gap_minutes not in GAPS:
        raise ValueError("these limits are none of a clinic's choices")
    clinic = uow.session.scalars(
        select(Clinic).where(col(Clinic.id) == uow.clinic_id).with_for_update()
    ).one()
    if (clinic.daily_cap, clinic.voice_gap_minutes) == (daily_cap, gap_minutes):
        return
    clinic.daily_cap, clinic.voice_gap_minutes = daily_cap, gap_minutes
    uow.session.flush()
    audit(uow, CHANGED, daily_cap=daily_cap, gap_minutes=gap_minutes)
