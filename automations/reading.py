"""Reading facts: one or a few statements a group for a whole chunk, and only what is asked for."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal_column, or_, select

from automations.facts import Facts, Group, Moment, Reach, Texted
from automations.models import Enrollment
from automations.subjects import Subject
from crm.accounts.models import Clinic
from crm.compliance.models import PURPOSES
from crm.compliance.queries import latest_consents, live_suppressions
from crm.contacts import phones
from crm.contacts.models import Contact
from crm.contacts.queries import UsedAddress, addresses_of, canonical_ids, families
from crm.core.bulk import among
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from crm.messaging.models import Communication
from pipelines.lead.models import LeadTag, Tag
from pipelines.models import AppointmentRequest
from pipelines.tasks.models import Task

CHANNEL_OF: Mapping[str, str] = {"phone": "sms", "email": "email"}
LEFT = ("sent", "delivered", "undelivered")
READABLE = ("sent", "delivered")
WRITTEN = ("sms", "email")
WHEN = ("sent", "delivered", "wrote")

_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]
_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]
_marks: Any = LeadTag.__table__  # type: ignore[attr-defined]
_tags: Any = Tag.__table__  # type: ignore[attr-defined]
_tasks: Any = Task.__table__  # type: ignore[attr-defined]
_passages: Any = Enrollment.__table__  # type: ignore[attr-defined]
_requests: Any = AppointmentRequest.__table__  # type: ignore[attr-defined]

Known = dict[Subject, Any]
Asked = Mapping[Subject, Collection[Group]]


def read_groups(uow: UnitOfWork, asked: Asked) -> dict[Subject, dict[Group, Any]]:
    """Return the groups of facts that are asked for of each subject."""
    known: dict[Subject, dict[Group, Any]] = {subject: {} for subject in asked}
    for group, read in _READERS.items():
        subjects = [subject for subject, groups in asked.items() if group in groups]
        if subjects:
            for subject, value in read(uow, subjects).items():
                known[subject][group] = value
    return known


def with_groups(uow: UnitOfWork, facts: Mapping[Subject, Facts], asked: Asked) -> Known:
    """Return the facts of these subjects with the groups that are asked for; none asks nothing."""
    groups = read_groups(uow, {one: asks for one, asks in asked.items() if asks})
    return {one: replace(facts[one], groups=groups.get(one, {})) for one in asked}


def _clock(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    c = _clinics.c
    row = uow.session.execute(
        select(c.timezone, c.closed_on, c.window_start_hour, c.window_end_hour).where(
            c.id == uow.clinic_id
        )
    ).one()
    closed_on = frozenset(date.fromisoformat(day) for day in row.closed_on)
    hours = (row.window_start_hour, row.window_end_hour)
    moment = Moment(uow.now, ZoneInfo(row.timezone), closed_on=closed_on, hours=hours)
    return dict.fromkeys(subjects, moment)


def _people(uow: UnitOfWork, subjects: Sequence[Subject]) -> dict[UUID, UUID]:
    return canonical_ids(uow, sorted({subject.contact_id for subject in subjects}))


def _addresses(uow: UnitOfWork, people: Iterable[UUID]) -> dict[UUID, list[UsedAddress]]:
    used: dict[UUID, list[UsedAddress]] = {}
    for one in addresses_of(uow, people):
        used.setdefault(one.contact_id, []).append(one)
    return used


def _reach(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    people = _people(uow, subjects)
    used = _addresses(uow, people.values())
    c = _contacts.c
    rows = uow.session.execute(
        select(c.id, c.timezone).where(
            c.clinic_id == uow.clinic_id, among(c.id, sorted(set(people.values())))
        )
    )
    zones = {row.id: row.timezone for row in rows}

    def reach(person: UUID) -> Reach:
        own = used.get(person, [])
        numbers = [one.value for one in own if one.kind == "phone"]
        of_numbers = (zone for number in numbers for zone in phones.zones_of(number))
        zone = zones.get(person) or next(of_numbers, None)
        return Reach(zone, bool(numbers), any(one.kind == "email" for one in own))

    return {subject: reach(people[subject.contact_id]) for subject in subjects}


def _consents(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    people = _people(uow, subjects)
    used = _addresses(uow, people.values())
    ids = [one.address_id for own in used.values() for one in own]
    said, suppressed = latest_consents(uow, ids), live_suppressions(uow, ids)

    def agreed(person: UUID) -> frozenset[tuple[str, str]]:
        return frozenset(
            (channel, purpose)
            for one in used.get(person, [])
            if (channel := CHANNEL_OF.get(one.kind)) is not None
            and (one.address_id, channel) not in suppressed
            for purpose in PURPOSES
            if (word := said.get((one.address_id, channel, purpose))) is not None
            and word.granted_tier != "none"
        )

    return {subject: agreed(people[subject.contact_id]) for subject in subjects}


def _tags_of(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    leads = sorted({subject.lead_id for subject in subjects if subject.lead_id is not None})
    rows = uow.session.execute(
        select(_marks.c.lead_id, _tags.c.folded, _tags.c.id)
        .join(_tags, (_tags.c.clinic_id == _marks.c.clinic_id) & (_tags.c.id == _marks.c.tag_id))
        .where(_marks.c.clinic_id == uow.clinic_id, among(_marks.c.lead_id, leads))
    )
    tags: dict[UUID | None, dict[str, UUID]] = {}
    for row in rows:
        tags.setdefault(row.lead_id, {})[row.folded] = row.id
    return {subject: tags.get(subject.lead_id, {}) for subject in subjects}


def _replies(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    people = _people(uow, subjects)
    used = _addresses(uow, people.values())
    e = _events.c
    rows = uow.session.execute(
        select(e.order_key, func.max(e.at).label("at"))
        .where(
            e.clinic_id == uow.clinic_id,
            # As written in the index, which no parameter would be seen to fit.
            e.name == literal_column(f"'{TextReceived.name}'"),
            among(e.order_key, sorted({one.address_id for own in used.values() for one in own})),
            e.payload["keyword"].astext.is_(None),
        )
        .group_by(e.order_key)
    )
    at = {row.order_key: row.at for row in rows}

    def last(person: UUID) -> Any:
        told = (at[one.address_id] for one in used.get(person, []) if one.address_id in at)
        return max(told, default=None)

    return {subject: last(people[subject.contact_id]) for subject in subjects}


def _texts(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    people = _people(uow, subjects)
    roots = families(uow, people.values())
    rows = uow.session.execute(_written(uow, sorted(roots))).all()
    texted: dict[UUID, list[Any]] = {}
    for row in rows:
        texted.setdefault(roots[row.contact_id], []).append(row)

    def last(person: UUID, name: str) -> Any:
        own = (getattr(row, name) for row in texted.get(person, []))
        return max((at for at in own if at), default=None)

    return {
        subject: Texted(*(last(people[subject.contact_id], name) for name in WHEN))
        for subject in subjects
    }


def _written(uow: UnitOfWork, contact_ids: Sequence[UUID]) -> Any:
    """Return the select of when each was last texted, got a text, and could read what we wrote."""
    c = _communications.c
    is_text, at = c.channel == "sms", func.max(c.taken_at)
    may_be_read = (c.status.in_(READABLE), c.message_class != "system")
    return (
        select(
            c.contact_id,
            at.filter(is_text).label("sent"),
            at.filter(is_text, c.status == "delivered").label("delivered"),
            at.filter(*may_be_read).label("wrote"),
        )
        .where(
            c.clinic_id == uow.clinic_id,
            among(c.contact_id, contact_ids),
            c.direction == "out",
            c.channel.in_(WRITTEN),
            c.status.in_(LEFT),
        )
        .group_by(c.contact_id)
    )


def _requests_of(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    r = _requests.c
    leads = sorted({subject.lead_id for subject in subjects if subject.lead_id is not None})
    rows = uow.session.execute(
        select(r.lead_id, func.count().label("requests"))
        .where(r.clinic_id == uow.clinic_id, among(r.lead_id, leads))
        .group_by(r.lead_id)
    )
    counts = {row.lead_id: row.requests for row in rows}
    return {subject: counts.get(subject.lead_id, 0) for subject in subjects}


def _passages_of(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    c = _passages.c
    leads = sorted({one.lead_id for one in subjects if one.lead_id is not None})
    contacts = sorted({one.contact_id for one in subjects if one.lead_id is None})
    rows = uow.session.execute(
        select(c.subject_id, c.id, c.automation_id).where(
            c.clinic_id == uow.clinic_id,
            or_(among(c.lead_id, leads), among(c.contact_id, contacts)),
        )
    )
    went: dict[UUID, dict[UUID, UUID]] = {}
    for row in rows:
        went.setdefault(row.subject_id, {})[row.id] = row.automation_id
    return {subject: went.get(subject.id, {}) for subject in subjects}


def _tasks_of(uow: UnitOfWork, subjects: Sequence[Subject]) -> Known:
    c = _tasks.c
    leads = sorted({subject.lead_id for subject in subjects if subject.lead_id is not None})
    rows = uow.session.execute(
        select(c.lead_id, c.id, c.due_at).where(
            c.clinic_id == uow.clinic_id, among(c.lead_id, leads), c.done_at.is_(None)
        )
    )
    due: dict[UUID | None, dict[UUID, datetime]] = {}
    for row in rows:
        due.setdefault(row.lead_id, {})[row.id] = row.due_at
    return {subject: due.get(subject.lead_id, {}) for subject in subjects}


_READERS: Mapping[Group, Callable[[UnitOfWork, Sequence[Subject]], Known]] = {
    "clock": _clock,
    "reach": _reach,
    "consents": _consents,
    "tags": _tags_of,
    "replies": _replies,
    "texts": _texts,
    "requests": _requests_of,
    "passages": _passages_of,
    "tasks": _tasks_of,
}
