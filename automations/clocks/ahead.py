"""What a trigger that looks at the time would find: who is past its moment, and who comes soon."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from automations.clocks.finding import Look, Span
from automations.triggers.timed import TimedTrigger
from crm.accounts.models import Clinic
from crm.core.together import together
from crm.core.uow import UnitOfWork

MOST = 200
"""So many are counted; of more, that there are more."""

DAY = timedelta(days=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ahead:
    """How many are past the moment, whom publishing does not start, and how many come in a day.

    `is_partial` where there are more of either than were counted.
    """

    past: int
    soon: int
    is_partial: bool


def ahead_of(uow: UnitOfWork, trigger: TimedTrigger) -> Ahead:
    """Count whose moment has come and whose comes within a day, as things are now."""
    zone = uow.session.scalars(select(Clinic.timezone).where(col(Clinic.id) == uow.clinic_id)).one()
    past = Look(uow.clinic_id, ZoneInfo(zone), trigger, Span(LONG_AGO, uow.now), MOST)
    soon = replace(past, span=Span(uow.now, uow.now + DAY))
    found = together(uow, past=past.select(), soon=soon.select())
    return Ahead(
        past=sum(past.event(row) is not None for row in found["past"]),
        soon=sum(soon.event(row) is not None for row in found["soon"]),
        is_partial=any(len(rows) == MOST for rows in found.values()),
    )
