"""Looking at the time: whose moment came since the last look is told, once, as an event.

Each automation that starts by the clock has a row that is due once a minute, claimed like any other
work. How far was looked is written in the transaction that tells what was found, and what is told
has an id that follows from what it is about: who looks twice, late, or beside another one, or after
the clock jumped, tells each once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, select, update

from automations.clocks.finding import Look, Span
from automations.events import MomentCame
from automations.models import Automation, TriggerClock
from automations.runner import AUTOMATION
from automations.subjects import Subject, lock_facts
from automations.triggers.timed import TimedTrigger
from automations.versions import definitions
from crm.accounts.models import Clinic
from crm.core.bulk import among, given
from crm.core.database import INDEXED
from crm.core.errors import N_
from crm.core.events import EventRow
from crm.core.runtime import Runtime
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work, assert_held

EVERY = timedelta(minutes=1)
MOST = 200
"""Moments that one look at an automation finds; where there are more, it goes on at once."""

SLACK = timedelta(minutes=5)
"""How far back is looked again: what became true for a moment may be committed after it."""

_clocks: Any = TriggerClock.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Found:
    """What one look found, and how far it came; `is_all` where there is no more of it."""

    clock_id: UUID
    events: Sequence[MomentCame]
    reached_at: datetime
    reached_id: UUID | None

    @property
    def is_all(self) -> bool:
        return self.reached_id is None


def look_at_clocks(runtime: Runtime, claim: Claim) -> None:
    """Tell whose moments came for these automations of one clinic; one transaction."""
    with runtime.database.transaction(
        claim.clinic_id, AUTOMATION, step="clocks", plans=INDEXED
    ) as uow:
        # Held until the commit: who publishes waits, or has taken it from us.
        assert_held(uow.session, CLOCKS, claim, claim.ids)
        found = _look(uow, claim.ids)
        _tell(uow, {event.id: event for one in found for event in one.events})
        _write(uow, claim, found)


def _look(uow: UnitOfWork, clock_ids: Sequence[UUID]) -> list[_Found]:
    clocks = uow.session.execute(_CLOCKS, {"clinic": uow.clinic_id, "ids": list(clock_ids)}).all()
    parsed = definitions(uow, {clock.version_id for clock in clocks})
    looks = {}
    for clock in clocks:
        trigger = parsed[clock.version_id].trigger
        assert isinstance(trigger, TimedTrigger)
        zone = ZoneInfo(clock.timezone)
        looks[f"c{clock.id.hex}"] = Look(uow.clinic_id, zone, trigger, _span(uow, clock), MOST)
    rows = together(uow, **{name: look.select() for name, look in looks.items()})
    return [
        _found(uow, clock, looks[name], rows[name])
        for clock, name in zip(clocks, looks, strict=True)
    ]


def _span(uow: UnitOfWork, clock: Any) -> Span:
    if clock.reached_id is not None:
        return Span(clock.reached_at, uow.now, clock.reached_id)
    return Span(max(clock.counts_from, clock.reached_at - SLACK), uow.now)


def _found(uow: UnitOfWork, clock: Any, look: Look, rows: Sequence[Any]) -> _Found:
    told = [event for row in rows if (event := look.event(row)) is not None]
    if len(rows) < look.most:
        # Never back: where the clock was ahead, it has been looked as far as that.
        return _Found(clock.id, told, max(clock.reached_at, uow.now), None)
    return _Found(clock.id, told, look.moment(rows[-1]), rows[-1].id)


def _tell(uow: UnitOfWork, found: Mapping[UUID, MomentCame]) -> None:
    """Emit what nobody has told yet, under the locks of whom it is about."""
    about = {
        one.id: Subject(one.contact_id, one.lead_id) for one in found.values() if one.contact_id
    }
    there = lock_facts(uow, about.values())
    c = _events.c
    known = set(
        uow.session.scalars(
            select(c.id).where(c.clinic_id == uow.clinic_id, among(c.id, sorted(found)))
        )
    )
    uow.emit(
        event
        for event_id, event in sorted(found.items())
        if event_id not in known and about.get(event_id) in there
    )


def _write(uow: UnitOfWork, claim: Claim, found: Sequence[_Found]) -> None:
    """Note how far was looked, and give the clocks back: due in a minute, or now for the rest."""
    free = {"lease_token": None, "lease_until": None, "attempts": 0, "last_error": None}
    rows = [
        {
            "clock": one.clock_id,
            "reached_at": one.reached_at,
            "reached_id": one.reached_id,
            "due_at": uow.now + EVERY if one.is_all else uow.now,
            **free,
        }
        for one in found
    ]
    c = _clocks.c
    its = (c.clinic_id == uow.clinic_id, c.id == bindparam("clock"), c.lease_token == claim.token)
    if rows:
        uow.session.connection().execute(update(_clocks).where(*its), rows)
    uow.ring("trigger_clocks", [one.clock_id for one in found if not one.is_all])


def _read() -> Any:
    c, whole = _clocks.c, _automations.c
    its = and_(whole.clinic_id == c.clinic_id, whole.id == c.id)
    return (
        select(
            *(c.id, c.counts_from, c.reached_at, c.reached_id),
            *(whole.version_id, _clinics.c.timezone),
        )
        .join(_automations, its)
        .join(_clinics, _clinics.c.id == c.clinic_id)
        .where(c.clinic_id == bindparam("clinic"), given(c.id))
        .order_by(c.id)
    )


_CLOCKS = _read()
CLOCKS = Work(
    "trigger_clocks",
    "trigger_clocks",
    look_at_clocks,
    limit=20,
    title=N_("A sequence that starts by the clock"),
    what="(SELECT name FROM automations a WHERE a.clinic_id = t.clinic_id AND a.id = t.id)",
)
