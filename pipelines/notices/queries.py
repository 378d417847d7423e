"""What is new for a user, read from the latest of what happened.

Each kind is looked for among the clinic's latest few of it, by an index that is there anyway: a
request and a reply cost no row for each person who may want to know of it.
"""

import operator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from crm.compliance.events import AddressSuppressed
from crm.contacts.models import Contact
from crm.contacts.queries import canonical_of
from crm.core.asking import Asking
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.intake.by_hand import CHANNEL
from pipelines.models import AppointmentRequest, Lead
from pipelines.notices.models import NoticeMark, StaffNotice
from pipelines.tasks.models import Task

LATEST = 60
"""Of each kind; so many unread ones are as good as any more."""

LATEST_TOLD = 300
"""Of what sequences told: whom each is for is seen only then."""

SHOWN = 30
HORIZON = timedelta(days=14)
Whose = ColumnElement[UUID]
Found = tuple[Select[Any], Any]
"""What is new of a kind, and the column of its time."""

Kind = Literal["request", "requested_again", "reply", "opted_out", "task", "told"]

_requests: Any = AppointmentRequest.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]
_tasks: Any = Task.__table__  # type: ignore[attr-defined]
_told: Any = StaffNotice.__table__  # type: ignore[attr-defined]
_marks: Any = NoticeMark.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Notice:
    """Something new: what it is, when it was, and about whom; tasks and what is told have words."""

    kind: Kind
    id: UUID
    at: datetime
    lead_id: UUID | None
    name: str | None = field(repr=False)
    title: str = field(repr=False)
    is_unread: bool


def notices(uow: UnitOfWork, user_id: UUID) -> list[Notice]:
    """Return what is new for a user, the latest first, at most 30 of the last 14 days."""
    whose = literal(user_id, Uuid())
    every = union_all(*(found for found, _at in _kinds(uow, whose))).subquery()
    query = select(every, _is_unread(uow, whose, every.c.at).label("is_unread"))
    rows = uow.session.execute(query.order_by(every.c.at.desc(), every.c.id).limit(SHOWN))
    return [
        Notice(
            row.kind,
            row.id,
            row.at,
            row.lead_id,
            row.name,
            uow.decrypt(row.id, row.title) if row.title else "",
            row.is_unread,
        )
        for row in rows
    ]


def unread(asking: Asking, user_id: ColumnElement[UUID]) -> ColumnElement[int]:
    """Return the expression of how many there are that a user has not seen."""
    counts = [
        found.with_only_columns(func.count(), maintain_column_froms=True)
        .where(_is_unread(asking, user_id, at))
        .scalar_subquery()
        for found, at in _kinds(asking, user_id)
    ]
    return reduce(operator.add, counts)


def _is_unread(asking: Asking, user_id: Whose, at: Any) -> ColumnElement[bool]:
    marks = _marks.alias()
    seen = (
        select(marks.c.seen_at)
        .where(marks.c.clinic_id == asking.clinic_id, marks.c.id == user_id)
        .correlate_except(marks)
        .scalar_subquery()
    )
    return func.coalesce(at > seen, True)


def _kinds(asking: Asking, user_id: Whose) -> tuple[Found, ...]:
    kinds = (_new_requests, _replies, _tasks_given, _told_by_sequences)
    return tuple(kind(asking, user_id) for kind in kinds)


def _new_requests(asking: Asking, user_id: Whose) -> Found:
    latest = (
        select(_requests)
        .where(_requests.c.clinic_id == asking.clinic_id)
        .order_by(_requests.c.id.desc())
        .limit(LATEST)
        .subquery()
    )
    is_first = _leads.c.created_at == latest.c.received_at
    kind = case((is_first, "request"), else_="requested_again")
    # Nobody is told of what he wrote down himself.
    is_own = latest.c.source == func.concat(f"{CHANNEL}:", cast(user_id, String))
    at = latest.c.received_at
    return _about_leads(asking, user_id, latest, kind, at).where(~is_own), at


def _replies(asking: Asking, user_id: Whose) -> Found:
    # As written in the index, which no parameter would be seen to fit.
    heard = [TextReceived.name, AddressSuppressed.name]
    is_heard = _events.c.name.in_(bindparam("heard", heard, expanding=True, literal_execute=True))
    # A text that answers none of ours is about whatever its sender asked for last.
    leads = _leads.alias()
    last_lead = (
        select(leads.c.id)
        .where(leads.c.clinic_id == _events.c.clinic_id, leads.c.contact_id == _events.c.contact_id)
        .order_by(leads.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    e = _events.c
    latest = (
        select(
            *(e.clinic_id, e.id, e.at, e.name, e.payload),
            func.coalesce(e.lead_id, last_lead).label("lead_id"),
        )
        .where(_events.c.clinic_id == asking.clinic_id, is_heard)
        .order_by(_events.c.seq.desc())
        .limit(LATEST)
        .subquery()
    )
    is_stop = latest.c.payload["keyword"].astext == "stop"
    kind = case((is_stop, "opted_out"), else_="reply")
    is_reply = latest.c.name == TextReceived.name
    return _about_leads(asking, user_id, latest, kind, latest.c.at).where(is_reply), latest.c.at


def _about_leads(asking: Asking, user_id: Whose, latest: Any, kind: Any, at: Any) -> Select[Any]:
    """Return what happened to leads that are this user's or nobody's, with the person's name."""
    is_mine = or_(_leads.c.owner_id.is_(None), _leads.c.owner_id == user_id)
    return _with_names(asking, latest, kind, at, cast(null(), String)).where(is_mine)


def _with_names(asking: Asking, latest: Any, kind: Any, at: Any, title: Any) -> Select[Any]:
    """Return what is about leads, with the names of their people."""
    person = _contacts.alias()
    return (
        select(
            kind.label("kind"),
            latest.c.id,
            at.label("at"),
            latest.c.lead_id,
            person.c.name,
            title.label("title"),
        )
        .join(
            _leads,
            and_(_leads.c.clinic_id == latest.c.clinic_id, _leads.c.id == latest.c.lead_id),
        )
        .join(
            _contacts,
            and_(
                _contacts.c.clinic_id == _leads.c.clinic_id, _contacts.c.id == _leads.c.contact_id
            ),
        )
        .join(
            person,
            and_(
                person.c.clinic_id == _contacts.c.clinic_id,
                person.c.id == canonical_of(_contacts.c),
            ),
        )
        .where(at > asking.now - HORIZON)
    )


def _told_by_sequences(asking: Asking, user_id: Whose) -> Found:
    latest = (
        select(_told)
        .where(_told.c.clinic_id == asking.clinic_id)
        .order_by(_told.c.told_at.desc(), _told.c.id.desc())
        .limit(LATEST_TOLD)
        .subquery()
    )
    is_mine = or_(latest.c.user_id.is_(None), latest.c.user_id == user_id)
    at, title = latest.c.told_at, latest.c.message
    return _with_names(asking, latest, literal("told"), at, title).where(is_mine), at


def _tasks_given(asking: Asking, user_id: Whose) -> Found:
    tasks = _tasks.alias()
    found = select(
        literal("task").label("kind"),
        tasks.c.id,
        tasks.c.assigned_at.label("at"),
        tasks.c.lead_id,
        cast(null(), String).label("name"),
        tasks.c.title,
    ).where(
        tasks.c.clinic_id == asking.clinic_id,
        tasks.c.assignee_id == user_id,
        tasks.c.assigned_at > asking.now - HORIZON,
        tasks.c.assigned_by.is_distinct_from(user_id),
        tasks.c.done_at.is_(None),
    )
    return found, tasks.c.assigned_at
