"""Leaving a sequence early: which events end which passages, and with what reason."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, cast, func, select

from automations.definitions import ExitCode, SequenceDefinition
from automations.enrollments import end_each
from automations.hearing import code_of
from automations.models import Enrollment
from automations.runner import Named
from automations.subjects import lock_people
from automations.versions import definitions
from crm.compliance.events import AddressSuppressed
from crm.contacts.queries import addresses_of, canonical_ids, families, people_at
from crm.core.bulk import among
from crm.core.events import Event, EventRow, decode
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.events import LeadRequestedAgain, LeadStageChanged

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]

_DECIDED: dict[str, ExitCode] = {"booked": "booked", "won": "won", "lost": "lost"}


def exits_of(event: Event) -> tuple[ExitCode, ...]:
    """Return the exits that an event means, the most telling first."""
    match event:
        case LeadStageChanged(to_kind=kind) if kind in _DECIDED:
            return (_DECIDED[kind], "stage_changed")
        case LeadStageChanged():
            return ("stage_changed",)
        case TextReceived(keyword=None):
            return ("replied",)
        case AddressSuppressed(channel="sms" | "email"):
            return ("opted_out",)
        case _:
            return ()


def exit_reason(definition: SequenceDefinition, event: Event) -> ExitCode | None:
    """Return why an event ends a passage through this sequence; None where it does not.

    Who unsubscribes from emails ends a sequence that speaks by email alone. One that texts as well
    goes on without its emails, which the gate blocks: texts are ended by STOP (LAW-7).
    """
    if isinstance(event, AddressSuppressed) and event.channel == "email":
        spoken = {place.step.speaks for place in definition.program} - {None}
        if spoken != {"email"}:
            return None
    return next((code for code in exits_of(event) if code in definition.exits), None)


def apply_exits(
    uow: UnitOfWork, events: Sequence[Event], only: Collection[UUID] | None = None
) -> list[Named]:
    """End the live enrollments that began before these events and whose sequences exit on them.

    A lead's events touch the lead's enrollments; an address's, those of everybody who uses it.
    `only` these enrollments, if it is given: their subjects are locked already. Returns those that
    go on and wait for such an event.
    """
    telling = [event for event in events if exits_of(event) or code_of(event)]
    touched = [*_of_leads(uow, telling), *_of_addresses(uow, telling, may_lock=only is None)]
    if only is not None:
        touched = [(event, row) for event, row in touched if row.id in only]
    if not touched:
        return []
    seqs = _seqs(uow, {event.id for event, _ in touched})
    parsed = definitions(uow, {row.version_id for _, row in touched})
    reasons: dict[UUID, ExitCode] = {}
    for event, row in touched:
        # What an event started, or a later one, is not ended by it: not even the second time.
        if row.started is not None and row.started >= seqs[event.id]:
            continue
        reason = exit_reason(parsed[row.version_id], event)
        if reason is not None:
            reasons.setdefault(row.id, reason)
    end_each(uow, reasons)
    listening = {
        row.id: Named(row.id, row.contact_id, row.lead_id)
        for event, row in touched
        if row.listens is not None and row.listens == code_of(event) and row.id not in reasons
    }
    return list(listening.values())


def heard_since(
    uow: UnitOfWork, events: Sequence[Event], contact_ids: Collection[UUID]
) -> list[Event]:
    """Return what these people said after the first of these events, where it ends anything.

    An address's events and a lead's are consumed apart: a lead that is taken up late may find that
    its answer has come and gone. The subjects are locked, so that none is missed in between.
    """
    if not contact_ids:
        return []
    c = _events.c
    first = select(func.min(c.seq)).where(
        c.clinic_id == uow.clinic_id, c.id.in_([event.id for event in events])
    )
    later = and_(c.clinic_id == uow.clinic_id, _is_heard(), c.seq > first.scalar_subquery())
    rows = uow.session.execute(select(c.id, c.order_key).where(later)).all()
    if not rows:
        return []
    canonical = canonical_ids(uow, sorted(contact_ids)).values()
    theirs = {used.address_id for used in addresses_of(uow, canonical)}
    ids = [row.id for row in rows if row.order_key in theirs]
    found = select(_events).where(c.clinic_id == uow.clinic_id, among(c.id, ids)).order_by(c.seq)
    return [decode(row) for row in uow.session.execute(found)] if ids else []


def moved_since(
    uow: UnitOfWork, events: Sequence[Event], lead_ids: Collection[UUID | None]
) -> list[Event]:
    """Return the moves of these leads after the first of these events: those were told apart."""
    ours = sorted(one for one in lead_ids if one is not None)
    if not ours:
        return []
    c = _events.c
    first = select(func.min(c.seq)).where(
        c.clinic_id == uow.clinic_id, c.id.in_([event.id for event in events])
    )
    moves = select(_events).where(
        c.clinic_id == uow.clinic_id,
        among(c.lead_id, ours),
        c.name == LeadStageChanged.name,
        c.seq > first.scalar_subquery(),
    )
    return [decode(row) for row in uow.session.execute(moves.order_by(c.seq))]


def _is_heard() -> Any:
    # As written in the index, which no parameter would be seen to fit.
    names = [TextReceived.name, AddressSuppressed.name]
    return _events.c.name.in_(bindparam("heard", names, expanding=True, literal_execute=True))


def _of_leads(uow: UnitOfWork, events: Sequence[Event]) -> Iterator[tuple[Event, Any]]:
    told = [event for event in events if isinstance(event, LeadStageChanged | LeadRequestedAgain)]
    live = _live(uow, _enrollments.c.lead_id, {event.lead_id for event in told})
    for event in told:
        yield from ((event, row) for row in live if row.lead_id == event.lead_id)


def _of_addresses(
    uow: UnitOfWork, events: Sequence[Event], *, may_lock: bool
) -> Iterator[tuple[Event, Any]]:
    told = [event for event in events if isinstance(event, TextReceived | AddressSuppressed)]
    if not told:
        return
    people = people_at(uow, {event.address_id for event in told})
    roots = families(uow, {one for everybody in people.values() for one in everybody})
    if may_lock:
        # Whoever enrolls one of them just now is waited for, or sees these events: `heard_since`.
        lock_people(uow, set(roots))
    live = _live(uow, _enrollments.c.contact_id, set(roots))
    for event in told:
        users = set(people.get(event.address_id, ()))
        yield from ((event, row) for row in live if roots[row.contact_id] in users)


def _live(uow: UnitOfWork, column: Any, ids: Collection[UUID | None]) -> Sequence[Any]:
    """Read live enrollments, each with the number of the event that started it."""
    if not ids:
        return []
    c = _enrollments.c
    is_start = and_(
        _events.c.clinic_id == c.clinic_id, _events.c.id == cast(c.cause[-1].astext, Uuid)
    )
    return uow.session.execute(
        select(
            *(c.id, c.version_id, c.lead_id, c.contact_id, c.listens),
            _events.c.seq.label("started"),
        )
        .outerjoin(_events, is_start)
        .where(c.clinic_id == uow.clinic_id, column.in_(ids), c.state == "live")
    ).all()


def _seqs(uow: UnitOfWork, event_ids: set[UUID]) -> dict[UUID, int]:
    rows = uow.session.execute(
        select(_events.c.id, _events.c.seq).where(
            _events.c.clinic_id == uow.clinic_id, _events.c.id.in_(event_ids)
        )
    )
    return {row.id: row.seq for row in rows}
