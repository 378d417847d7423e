"""Whose moment came within a span of time: one select for each kind of trigger that has moments.

Each walks along an index in the order of its moments, so that it reads no more than it returns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, literal, literal_column, or_, select, true, tuple_

from automations.events import (
    DateCame,
    LeadStoodStill,
    MomentCame,
    ReplyStayedOut,
    TaskBecameOverdue,
)
from automations.keys import occurrence_id
from automations.reading import READABLE, WRITTEN
from automations.triggers.date_reached import DateReached
from automations.triggers.no_reply import NoReply
from automations.triggers.stage_stuck import StageStuck
from automations.triggers.task_overdue import TaskOverdue
from automations.triggers.timed import TimedTrigger
from crm.messaging.models import Communication, Conversation
from pipelines.models import Lead
from pipelines.tasks.models import Task

_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_tasks: Any = Task.__table__  # type: ignore[attr-defined]
_talks: Any = Conversation.__table__  # type: ignore[attr-defined]
_texts: Any = Communication.__table__  # type: ignore[attr-defined]

SPOKE = "completed"
"""What came of a call in which one spoke."""


@dataclass(frozen=True)
class Span:
    """The moments after `after` up to `until`; those at it, too, behind the row `after_id`."""

    after: datetime
    until: datetime
    after_id: UUID | None = None


@dataclass(frozen=True)
class Look:
    """What is looked for: a trigger's moments in a span of a clinic's time, at most so many."""

    clinic_id: UUID
    zone: ZoneInfo
    trigger: TimedTrigger
    span: Span
    most: int

    def select(self) -> Select[Any]:
        """Return the select of the rows whose moments come, in their order."""
        return _KINDS[type(self.trigger)].select(self)

    def moment(self, row: Any) -> datetime:
        """Return when a row's moment is."""
        if isinstance(self.trigger, DateReached):
            return self.trigger.moment_of(row.at, self.zone)
        moment: datetime = row.at + timedelta(days=_days(self.trigger))
        return moment

    def event(self, row: Any) -> MomentCame | None:
        """Return what a row tells; None where it tells nothing, since somebody answered."""
        return _KINDS[type(self.trigger)].tell(self, row)


@dataclass(frozen=True)
class _Kind:
    """How one kind of trigger finds its rows, and what each of them tells."""

    select: Callable[[Look], Select[Any]]
    tell: Callable[[Look, Any], MomentCame | None]


def _days(trigger: TimedTrigger) -> int:
    return trigger.days if isinstance(trigger, StageStuck | NoReply) else 0


def _within(look: Look, column: Any, row_id: Any) -> Any:
    """Return the condition that a row's instant, so many days before its moment, is in the span."""
    span, days = look.span, timedelta(days=_days(look.trigger))
    after = literal(span.after - days, column.type)
    begins = column > after
    if span.after_id is not None:
        begins = tuple_(column, row_id) > tuple_(after, literal(span.after_id, row_id.type))
    return and_(begins, column <= literal(span.until - days, column.type))


def _of_leads(look: Look) -> Any:
    """Return the conditions on the leads: where they stand, or that they are open."""
    trigger, c = look.trigger, _leads.c
    if trigger.stage_id is not None:
        return c.stage_id == trigger.stage_id
    # As written in the index, which no parameter would be seen to fit.
    is_open = c.stage_kind == literal_column("'open'") if trigger.is_of_open_leads else true()
    is_there = true() if trigger.pipeline_id is None else c.pipeline_id == trigger.pipeline_id
    return and_(is_open, is_there)


def _stuck(look: Look) -> Select[Any]:
    c = _leads.c
    return (
        select(c.id, c.stage_entered_at.label("at"), c.contact_id, c.stage_id)
        .where(c.clinic_id == look.clinic_id, _of_leads(look))
        .where(_within(look, c.stage_entered_at, c.id))
        .order_by(c.stage_entered_at, c.id)
        .limit(look.most)
    )


def _tell_stuck(look: Look, row: Any) -> MomentCame:
    days = _days(look.trigger)
    return LeadStoodStill(
        **_told(look, row, row.id, row.contact_id, occurrence_id(row.at, row.id, f"still:{days}")),
        stage_id=row.stage_id,
        since=row.at,
        days=days,
    )


def _unanswered(look: Look) -> Select[Any]:
    """Find conversations in which we wrote last: with the last words, and what came since.

    A send that failed counts as an attempt here: whether it is found a moment later than it came
    changes nothing, since the same text starts a sequence once.
    """
    c = _talks.c
    is_last = or_(c.last_in_at.is_(None), c.last_in_at < c.last_out_at)
    talks = (
        select(c.clinic_id, c.id, c.address_id, c.last_out_at.label("at"))
        .where(c.clinic_id == look.clinic_id, is_last, _within(look, c.last_out_at, c.id))
        .order_by(c.last_out_at, c.id)
        .limit(look.most)
        .subquery()
    )
    text = _last_text(talks)
    its = and_(_leads.c.clinic_id == talks.c.clinic_id, _leads.c.id == text.c.lead_id)
    return (
        select(
            *(talks.c.id, talks.c.at, text.c.text_id, text.c.taken_at, text.c.contact_id),
            *(text.c.lead_id, _leads.c.requested_at, _spoke_at(talks, text)),
        )
        .select_from(talks)
        .outerjoin(text, true())
        .outerjoin(_leads, its)
        .order_by(talks.c.at, talks.c.id)
    )


def _spoke_at(talks: Any, text: Any) -> Any:
    """Return the expression of when one last spoke with the person on the phone."""
    c = _texts.alias("call").c
    return (
        select(c.created_at)
        .where(
            c.clinic_id == talks.c.clinic_id,
            c.contact_id == text.c.contact_id,
            c.channel == "voice",
            c.status != "voided",
            or_(c.direction == "in", c.provider_status == SPOKE),
        )
        .order_by(c.created_at.desc())
        .limit(1)
        .scalar_subquery()
        .label("spoke_at")
    )


def _last_text(talks: Any) -> Any:
    c = _texts.c
    return (
        select(c.id.label("text_id"), c.taken_at, c.contact_id, c.lead_id)
        .where(
            c.clinic_id == talks.c.clinic_id,
            c.address_id == talks.c.address_id,
            c.direction == "out",
            c.channel.in_(WRITTEN),
            c.status.in_(READABLE),
            c.message_class != "system",
            c.contact_id.is_not(None),
        )
        .order_by(c.taken_at.desc(), c.id.desc())
        .limit(1)
        .lateral("text")
    )


def _tell_unanswered(look: Look, row: Any) -> MomentCame | None:
    since = row.taken_at
    if row.text_id is None or any(at and at > since for at in (row.requested_at, row.spoke_at)):
        return None
    days = _days(look.trigger)
    once = occurrence_id(since, row.text_id, f"silent:{days}")
    return ReplyStayedOut(
        **_told(look, row, row.lead_id, row.contact_id, once),
        communication_id=row.text_id,
        since=since,
        days=days,
    )


def _overdue(look: Look) -> Select[Any]:
    c = _tasks.c
    its = and_(_leads.c.clinic_id == c.clinic_id, _leads.c.id == c.lead_id)
    return (
        select(c.id, c.due_at.label("at"), c.lead_id, _leads.c.contact_id)
        .join(_leads, its)
        .where(c.clinic_id == look.clinic_id, c.done_at.is_(None), _of_leads(look))
        .where(_within(look, c.due_at, c.id))
        .order_by(c.due_at, c.id)
        .limit(look.most)
    )


def _tell_overdue(look: Look, row: Any) -> MomentCame:
    once = occurrence_id(row.at, row.id, "overdue")
    return TaskBecameOverdue(**_told(look, row, row.lead_id, row.contact_id, once), task_id=row.id)


def _dated(look: Look) -> Select[Any]:
    trigger, span, c = look.trigger, look.span, _leads.c
    assert isinstance(trigger, DateReached)
    day = c.follow_up_on
    after = literal(trigger.last_day(span.after, look.zone), day.type)
    begins = day > after
    if span.after_id is not None:
        begins = tuple_(day, c.id) > tuple_(after, literal(span.after_id, c.id.type))
    return (
        select(c.id, day.label("at"), c.contact_id)
        .where(c.clinic_id == look.clinic_id, day.is_not(None), _of_leads(look))
        .where(begins, day <= literal(trigger.last_day(span.until, look.zone), day.type))
        .order_by(day, c.id)
        .limit(look.most)
    )


def _tell_dated(look: Look, row: Any) -> MomentCame:
    trigger = look.trigger
    assert isinstance(trigger, DateReached)
    # By the day, not by the moment: where the clinic moves to another zone, it came already.
    at = datetime.combine(row.at, time(), UTC)
    word = f"{trigger.field}:{trigger.days}"
    clock = f"{trigger.time:%H:%M}"
    told = _told(look, row, row.id, row.contact_id, occurrence_id(at, row.id, word))
    return DateCame(
        **{**told, "id": occurrence_id(at, row.id, f"{word}:{clock}")},
        field=trigger.field,
        day=row.at,
        days=trigger.days,
        time=clock,
    )


def _told(
    look: Look, row: Any, lead_id: UUID | None, contact_id: UUID, occurrence: UUID
) -> dict[str, Any]:
    return {
        "id": occurrence,
        "occurrence": occurrence,
        "order_key": lead_id or contact_id,
        "lead_id": lead_id,
        "contact_id": contact_id,
        "moment": look.moment(row),
    }


_KINDS: Mapping[type[TimedTrigger], _Kind] = {
    StageStuck: _Kind(_stuck, _tell_stuck),
    NoReply: _Kind(_unanswered, _tell_unanswered),
    TaskOverdue: _Kind(_overdue, _tell_overdue),
    DateReached: _Kind(_dated, _tell_dated),
}
