"""Who enters: a chunk of events, the automations they start, and each one's rules of entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from automations.enrollments import end_enrollments
from automations.events import (
    CampaignReached,
    EnrollmentRefused,
    EnrollmentStarted,
    MomentCame,
    StartRequested,
)
from automations.facts import Facts, Group
from automations.keys import derived_id
from automations.models import BULK, Enrollment
from automations.reading import with_groups
from automations.runner import Named
from automations.subjects import Subject, lock_facts
from automations.versions import Published, published_automations
from crm.core.events import Event, EventRow
from crm.core.uow import UnitOfWork

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Entry:
    """An event that starts an automation for a subject; its enrollment's id follows from both."""

    event: Event
    automation: Published
    subject: Subject

    @property
    def id(self) -> UUID:
        """The enrollment's id: the same event never enrolls the same subject twice."""
        told = self.event
        reason = told.occurrence if isinstance(told, MomentCame) else told.id
        return derived_id(reason, self.automation.id)

    @property
    def queue(self) -> str:
        """Where it is worked on: what many were started for at once keeps no other waiting."""
        return BULK if isinstance(self.event, CampaignReached) else "default"

    @property
    def is_echo(self) -> bool:
        """Whether such events may tell of what sequences did themselves."""
        return self.automation.definition.trigger.is_echo


@dataclass(frozen=True)
class Passage:
    """An earlier or a live enrollment of a subject in an automation, and the event behind it."""

    id: UUID
    automation_id: UUID
    subject_id: UUID
    is_live: bool
    started_by: UUID | None


class Admission(NamedTuple):
    """Who entered, and who did not, with the code of why."""

    entered: list[Named]
    refused: list[tuple[Entry, str]]


def enroll_matching(uow: UnitOfWork, events: Sequence[Event]) -> list[Named]:
    """Enroll the subjects of these events in all that the events start; return who entered."""
    return admit(uow, events).entered


def admit(uow: UnitOfWork, events: Sequence[Event]) -> Admission:
    """Enroll the subjects of these events in all that the events start.

    The events are of different subjects, or in the order in which they happened. Whoever may not
    enter is refused on record, with the reason; resuming a paused automation lets none of them in.
    """
    published = published_automations(uow)
    heard = [
        Entry(event, automation, subject)
        for event in events
        if (subject := subject_of(event)) is not None
        for automation in _started_by(event, published)
    ]
    facts = lock_facts(uow, [entry.subject for entry in heard])
    heard = [entry for entry in heard if entry.subject in facts]
    seen = _reading(uow, heard, facts, lambda entry: entry.automation.definition.trigger.needs)
    matching = [
        entry
        for entry in heard
        if isinstance(entry.event, StartRequested)
        or entry.automation.definition.trigger.matches(entry.event, seen[entry.subject])
    ]
    if not matching:
        return Admission([], [])
    known = _reading(uow, matching, facts, lambda entry: entry.automation.definition.entry_needs)
    return _enroll(uow, matching, known)


def _reading(
    uow: UnitOfWork,
    entries: Sequence[Entry],
    facts: Mapping[Subject, Facts],
    needs: Callable[[Entry], frozenset[Group]],
) -> dict[Subject, Facts]:
    """Return the facts of the subjects of these entries, with the groups that each needs."""
    asked: dict[Subject, set[Group]] = {}
    for entry in entries:
        asked.setdefault(entry.subject, set()).update(needs(entry))
    return with_groups(uow, facts, asked)


def _started_by(
    event: Event, published: Mapping[type[Event], Sequence[Published]]
) -> Sequence[Published]:
    """Return the automations that listen to such events, or the one that is asked for by name."""
    if not isinstance(event, StartRequested):
        listening = published.get(type(event), ())
        return [one for one in listening if _counts(event, one)]
    every = {one.id: one for listening in published.values() for one in listening}
    return [every[event.automation_id]] if event.automation_id in every else []


def _counts(event: Event, automation: Published) -> bool:
    """Return whether an event may start it: no moment does that came before it looked at them."""
    since = automation.counts_from
    return not isinstance(event, MomentCame) or since is None or event.moment > since


def subject_of(event: Event) -> Subject | None:
    """Return whom an event may enroll: its lead, or its contact; nobody where neither is known."""
    return Subject(event.contact_id, event.lead_id) if event.contact_id is not None else None


def is_own_echo(entry: Entry, passages: Sequence[Passage]) -> bool:
    """Return whether an event tells of what this very automation did: that starts nothing."""
    last = entry.event.cause[-1:]
    return entry.is_echo and any((passage.started_by,) == last for passage in passages)


def refusal(entry: Entry, facts: Facts, passages: Sequence[Passage]) -> str | None:
    """Return the code of why an entry is refused; None where it may enter."""
    definition = entry.automation.definition
    is_back = entry.is_echo and any(one.started_by in entry.event.cause for one in passages)
    if entry.event.is_runaway or is_back:
        return "loop"
    if not all(condition.holds(facts) for condition in definition.conditions):
        return "conditions"
    if definition.reentry == "never" and passages:
        return "once_only"
    if definition.reentry == "after_end" and any(passage.is_live for passage in passages):
        return "already_in"
    # Last, so that it tells of those alone who would be in it now.
    return "paused" if entry.automation.is_paused else None


def _enroll(uow: UnitOfWork, entries: Sequence[Entry], facts: dict[Subject, Facts]) -> Admission:
    """Let in who may enter, and put the others on record."""
    passages = _passages(uow, entries)
    refused: list[tuple[Entry, str]] = []
    entering: list[Entry] = []
    restarted: list[UUID] = []
    for entry in entries:
        own = passages.get((entry.automation.id, entry.subject.id), [])
        if any(passage.id == entry.id for passage in own) or is_own_echo(entry, own):
            continue
        reason = refusal(entry, facts[entry.subject], own)
        if reason is not None:
            refused.append((entry, reason))
        else:
            entering.append(entry)
            restarted += [passage.id for passage in own if passage.is_live]
    end_enrollments(uow, restarted, "restarted")
    entered = _insert(uow, entering)
    refused += [(entry, "already_in") for entry in entering if entry.id not in entered]
    let_in = [entry for entry in entering if entry.id in entered]
    _tell(uow, let_in)
    _tell_refused(uow, refused)
    named = [Named(entry.id, entry.subject.contact_id, entry.subject.lead_id) for entry in let_in]
    return Admission(named, refused)


def _passages(uow: UnitOfWork, entries: Sequence[Entry]) -> dict[tuple[UUID, UUID], list[Passage]]:
    """Read what these subjects went through, and go through, in these automations."""
    c = _enrollments.c
    leads = {entry.subject.lead_id for entry in entries if entry.subject.lead_id is not None}
    contacts = {entry.subject.contact_id for entry in entries if entry.subject.lead_id is None}
    rows = uow.session.execute(
        select(c.id, c.automation_id, c.subject_id, c.state, c.cause).where(
            c.clinic_id == uow.clinic_id,
            c.automation_id.in_({entry.automation.id for entry in entries}),
            or_(c.lead_id.in_(leads), c.contact_id.in_(contacts) & c.lead_id.is_(None)),
        )
    )
    passages: dict[tuple[UUID, UUID], list[Passage]] = {}
    for row in rows:
        is_live, started_by = row.state == "live", UUID(row.cause[-1]) if row.cause else None
        passage = Passage(row.id, row.automation_id, row.subject_id, is_live, started_by)
        passages.setdefault((row.automation_id, row.subject_id), []).append(passage)
    return passages


def _insert(uow: UnitOfWork, entries: Sequence[Entry]) -> set[UUID]:
    """Insert the enrollments, due now, and return the ids of those that were let in.

    The index of live ones lets in one a subject and automation, whatever else happens.
    """
    if not entries:
        return set()
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": entry.id,
            "automation_id": entry.automation.id,
            "version_id": entry.automation.version_id,
            "contact_id": entry.subject.contact_id,
            "lead_id": entry.subject.lead_id,
            "subject_kind": entry.subject.kind,
            "subject_id": entry.subject.id,
            "cause": [str(cause) for cause in entry.event.chain],
            "entered_at": uow.now,
            "due_at": uow.now,
            "lease_until": uow.reserved_until,
            "queue": entry.queue,
        }
        for entry in entries
    ]
    statement = insert(_enrollments).on_conflict_do_nothing().returning(_enrollments.c.id)
    return set(uow.session.scalars(statement, rows))


def _tell(uow: UnitOfWork, entries: Sequence[Entry]) -> None:
    uow.emit(
        EnrollmentStarted(
            order_key=entry.subject.id,
            contact_id=entry.subject.contact_id,
            lead_id=entry.subject.lead_id,
            cause=entry.event.chain,
            enrollment_id=entry.id,
            automation_id=entry.automation.id,
            version_id=entry.automation.version_id,
        )
        for entry in entries
    )


def _tell_refused(uow: UnitOfWork, refused: Sequence[tuple[Entry, str]]) -> None:
    """Record each refusal once: its id follows from the event and the automation, too."""
    told = {
        derived_id(entry.event.id, entry.automation.id, "refused"): (entry, reason)
        for entry, reason in refused
    }
    if not told:
        return
    known = uow.session.scalars(
        select(_events.c.id).where(_events.c.clinic_id == uow.clinic_id, _events.c.id.in_(told))
    )
    for event_id in known.all():
        del told[event_id]
    uow.emit(
        EnrollmentRefused(
            id=event_id,
            order_key=entry.subject.id,
            contact_id=entry.subject.contact_id,
            lead_id=entry.subject.lead_id,
            cause=entry.event.chain,
            automation_id=entry.automation.id,
            reason=reason,
        )
        for event_id, (entry, reason) in told.items()
    )
