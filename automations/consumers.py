"""What automations do when something happens to leads, addresses and texts."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select

from automations.enrollments import ORIGIN
from automations.events import (
    DateCame,
    LeadStoodStill,
    ReplyStayedOut,
    StartRequested,
    TaskBecameOverdue,
)
from automations.exits import apply_exits, heard_since, moved_since
from automations.hearing import code_of
from automations.matching import enroll_matching
from automations.models import Enrollment
from automations.runner import Named, advance_here
from crm.compliance.events import AddressSuppressed
from crm.core.bulk import among, given
from crm.core.events import Event, consumes
from crm.core.uow import UnitOfWork
from crm.messaging.events import (
    CommunicationSettled,
    DeliveryFailed,
    DeliveryReported,
    TextReceived,
)
from crm.messaging.models import Communication
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from pipelines.lead.events import LeadDetailChanged, LeadTagged
from pipelines.tasks.events import TaskDone

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]


@consumes(LeadCreated, LeadRequestedAgain, LeadStageChanged, name="automations.follow_leads")
def follow_leads(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """End what a move ends, then enroll in what it starts; one lead's events one after another.

    One consumer for all of a lead's events: two would not keep their order between them.
    """
    _follow(uow, events)


@consumes(TextReceived, name="automations.follow_replies")
def follow_replies(uow: UnitOfWork, events: Sequence[TextReceived]) -> None:
    """End what a reply ends, for everybody who uses the phone, then enroll in what it starts."""
    _follow(uow, events)


def _follow(uow: UnitOfWork, events: Sequence[Event]) -> None:
    for turn in turns(events):
        listening = apply_exits(uow, turn)
        advance_here(uow, [*_enter(uow, turn), *listening])


def _enter(uow: UnitOfWork, turn: Sequence[Event]) -> list[Named]:
    """Enroll in what the events start, unless what came since and was told apart has ended it."""
    entered = enroll_matching(uow, turn)
    heard = heard_since(uow, turn, {one.contact_id for one in entered})
    moved = moved_since(uow, turn, {one.lead_id for one in entered})
    apply_exits(uow, [*heard, *moved], only={one.id for one in entered})
    return entered


@consumes(
    *(LeadTagged, LeadDetailChanged, TaskDone, StartRequested),
    *(DeliveryReported, DeliveryFailed),
    *(LeadStoodStill, ReplyStayedOut, TaskBecameOverdue, DateCame),
    name="automations.follow_desk",
)
def follow_desk(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Enroll in what the events start, and let those go on that wait for them."""
    for turn in turns(events):
        advance_here(uow, [*_enter(uow, turn), *listening_to(uow, turn)])


@consumes(AddressSuppressed, name="automations.end_opted_out")
def end_opted_out(uow: UnitOfWork, events: Sequence[AddressSuppressed]) -> None:
    """End what an opt-out ends, for everybody who uses the address."""
    apply_exits(uow, events)


@consumes(CommunicationSettled, name="automations.wake_settled")
def wake_settled(uow: UnitOfWork, events: Sequence[CommunicationSettled]) -> None:
    """Let those enrollments go on that wait for just these communications.

    Whoever looks at one right now sees what was settled, and goes on by himself.
    """
    settled = sorted({event.communication_id for event in events if event.origin_kind == ORIGIN})
    if settled:
        values = {"clinic": uow.clinic_id, "ids": settled}
        advance_here(uow, [Named(*row) for row in uow.session.execute(_AWAITING, values)])


def listening_to(uow: UnitOfWork, events: Sequence[Event]) -> list[Named]:
    """Return the live enrollments that wait for such events of their lead or contact."""
    told = [(event, code) for event in events if (code := code_of(event)) is not None]
    leads = sorted({event.lead_id for event, _ in told if event.lead_id is not None})
    contacts = sorted({event.contact_id for event, _ in told if event.contact_id is not None})
    if not leads and not contacts:
        return []
    c = _enrollments.c
    rows = uow.session.execute(
        select(c.id, c.contact_id, c.lead_id)
        .where(
            c.clinic_id == uow.clinic_id,
            or_(among(c.lead_id, leads), among(c.contact_id, contacts)),
            c.listens.in_({code for _, code in told}),
            c.state == "live",
        )
        .order_by(c.id)
    )
    return [Named(*row) for row in rows]


def _awaiting() -> Any:
    """Those that wait for just the given communications."""
    c = _enrollments.c
    its = and_(
        _communications.c.clinic_id == c.clinic_id,
        _communications.c.origin_id == c.id,
        _communications.c.dedupe_key == c.awaits,
    )
    return (
        select(c.id, c.contact_id, c.lead_id)
        .join(_communications, its)
        .where(
            c.clinic_id == bindparam("clinic"),
            given(_communications.c.id),
            _communications.c.origin_kind == ORIGIN,
            c.state == "live",
            c.dead_at.is_(None),
        )
        .order_by(c.id)
    )


_AWAITING = _awaiting()


def turns(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events in turns that hold at most one of each order key, in their order."""
    left: dict[UUID, list[Event]] = {}
    for event in events:
        left.setdefault(event.order_key, []).append(event)
    while left:
        yield [own[0] for own in left.values()]
        left = {key: own[1:] for key, own in left.items() if len(own) > 1}


CONSUMERS = (follow_leads, follow_replies, follow_desk, end_opted_out, wake_settled)
