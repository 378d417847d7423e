"""Who is in a sequence, and what is done to several of them at once: a few statements for all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from automations.by_hand import pass_over
from automations.enrollments import ORIGIN, end_enrollments
from automations.events import EnrollmentPaused, EnrollmentResumed
from automations.models import Enrollment, SequenceVersion
from automations.names import Names, names_asked, names_found
from automations.subjects import Subject, lock_facts
from automations.versions import definitions
from crm.compliance.actions import lock_addresses
from crm.contacts.models import Contact
from crm.contacts.queries import join_person
from crm.core.bulk import among
from crm.core.errors import N_, Conflict
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.actions import release_held, void_texts
from crm.messaging.models import Communication

PAGE = 50

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]
_ON_ITS_WAY = ("sending", "unconfirmed")


class NoSuchStep(Conflict):
    """The step that people were to be moved to is in no version they are in."""

    code = "no_such_step"
    title = N_("This step is no longer there")


@dataclass(frozen=True)
class PersonShown:
    """Somebody who is in a sequence: at which step, of which version, and until when."""

    id: UUID
    lead_id: UUID | None
    name: str
    step: str
    number: int
    due_at: datetime | None
    is_resting: bool
    is_stuck: bool
    occurrence: int


@dataclass(frozen=True)
class People:
    """A page of people, and after whom the next one begins."""

    rows: Sequence[PersonShown]
    after: UUID | None


def people_in(uow: UnitOfWork, automation_id: UUID, after: UUID | None = None) -> People:
    """Return who is in a sequence, a page at a time, by one statement."""
    found = together(uow, people=_page(uow, automation_id, after), **names_asked(uow))
    rows, names = found["people"], names_found(found)
    parsed = definitions(uow, {row.version_id for row in rows[:PAGE]})
    return People(
        [_person(row, parsed[row.version_id], names) for row in rows[:PAGE]],
        rows[PAGE - 1].subject_id if len(rows) > PAGE else None,
    )


def _page(uow: UnitOfWork, automation_id: UUID, after: UUID | None) -> Any:
    person = aliased(Contact)
    version = (col(SequenceVersion.clinic_id) == col(Enrollment.clinic_id)) & (
        col(SequenceVersion.id) == col(Enrollment.version_id)
    )
    columns: Any = (
        *(col(Enrollment.id), col(Enrollment.lead_id), col(Enrollment.subject_id)),
        *(col(Enrollment.version_id), col(Enrollment.step), col(Enrollment.last_step)),
        *(col(Enrollment.due_at), col(Enrollment.awaits), col(Enrollment.paused_at)),
        *(col(Enrollment.dead_at), col(Enrollment.occurrence)),
        *(col(SequenceVersion.number), col(person.name)),
    )
    query: Any = select(*columns).join_from(Enrollment, SequenceVersion, version)
    return (
        join_person(query, Enrollment, person)
        .where(
            col(Enrollment.clinic_id) == uow.clinic_id,
            col(Enrollment.automation_id) == automation_id,
            col(Enrollment.state) == "live",
            *([col(Enrollment.subject_id) > after] if after is not None else []),
        )
        .order_by(col(Enrollment.subject_id))
        .limit(PAGE + 1)
    )


def _person(row: Any, definition: Any, names: Names) -> PersonShown:
    program = definition.program
    at = row.last_step if row.last_step is not None else max(row.step - 1, 0)
    return PersonShown(
        id=row.id,
        lead_id=row.lead_id,
        name=row.name or "",
        step=program[at].step.words(names) if at < len(program) else "",
        number=row.number,
        due_at=row.due_at if row.awaits is None else None,
        is_resting=row.paused_at is not None,
        is_stuck=row.dead_at is not None,
        occurrence=row.occurrence,
    )


def remove_people(uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID]) -> int:
    """End these passages; what they still had queued is withdrawn. Return how many."""
    return len(end_enrollments(uow, [row.id for row in _those(uow, automation_id, ids)], "by_hand"))


def pause_people(uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID]) -> int:
    """Let these passages rest where they are; return how many did not rest before."""
    rows = [row for row in _held(uow, automation_id, ids) if row.paused_at is None]
    _write(uow, rows, paused_at=uow.now, lease_until=None, lease_token=None)
    uow.emit(EnrollmentPaused(**_about(row)) for row in rows)
    return len(rows)


def resume_people(uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID]) -> int:
    """Let these passages go on; return how many had rested."""
    rows = [row for row in _held(uow, automation_id, ids) if row.paused_at is not None]
    _write(uow, rows, paused_at=None, lease_until=None, lease_token=None)
    if rows:
        # Those of others that are paused are looked at, too, and held again.
        release_held(uow, "sequence_paused")
    uow.emit(EnrollmentResumed(**_about(row)) for row in rows)
    return len(rows)


def skip_people(uow: UnitOfWork, automation_id: UUID, seen: Mapping[UUID, int]) -> int:
    """Let these passages go on without their next step, or the one whose text or event is awaited.

    `seen` tells at which occurrence each was looked at: who has gone on since stays. Return how
    many skipped a step.
    """
    rows = [row for row in _held(uow, automation_id, seen) if row.occurrence == seen[row.id]]
    rows = [row for row in rows if row.dead_at is None]
    awaiting = [row for row in rows if row.awaits is not None]
    if awaiting:
        void_texts(uow, ORIGIN, dict.fromkeys((row.id for row in awaiting), "step_skipped"))
    # Whose text is at the provider, or has just been settled, goes on by itself.
    leaving = {row.id for row in awaiting} - _with_text(uow, awaiting, "voided")
    ids = [row.id for row in rows if row.id not in leaving]
    query = select(Enrollment).where(
        col(Enrollment.clinic_id) == uow.clinic_id, among(col(Enrollment.id), ids)
    )
    return pass_over(uow, uow.session.scalars(query).all() if ids else [])


def move_people(
    uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID], version_id: UUID, place: int
) -> int:
    """Let these passages go on at once with another step of their version; return how many did.

    Whoever is in another version, or has a message on its way, stays. Raises NotFound, NoSuchStep.
    """
    version = uow.get(SequenceVersion, version_id)
    program = definitions(uow, [version.id])[version.id].program
    if version.automation_id != automation_id or not 0 <= place < len(program):
        raise NoSuchStep
    rows = [row for row in _held(uow, automation_id, ids) if row.version_id == version.id]
    leaving = _with_text(uow, rows, *_ON_ITS_WAY)
    rows = [row for row in rows if row.id not in leaving and row.dead_at is None]
    if rows:
        void_texts(uow, ORIGIN, dict.fromkeys((row.id for row in rows), "step_skipped"))
        # One that was queued while we waited for the locks may have been taken since.
        leaving = _with_text(uow, rows, *_ON_ITS_WAY)
        rows = [row for row in rows if row.id not in leaving]
    # A number is used once: what the step queues has a key of its own.
    again: Any = {"occurrence": _enrollments.c.occurrence + 1, "awaits": None}
    again |= {"listens": None, "listens_until": None, "hears_from": uow.now}
    at_once: Any = {"due_at": uow.now, "lease_until": uow.reserved_until, "lease_token": None}
    _write(uow, rows, step=place, last_step=None, **again, **at_once)
    uow.ring("enrollments", [row.id for row in rows])
    return len(rows)


def _those(uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID]) -> Sequence[Any]:
    c = _enrollments.c
    columns = (c.id, c.contact_id, c.lead_id, c.subject_id, c.automation_id, c.version_id, c.awaits)
    return uow.session.execute(
        select(*columns, c.occurrence, c.paused_at, c.dead_at)
        .where(
            c.clinic_id == uow.clinic_id,
            among(c.id, sorted(set(ids))),
            c.automation_id == automation_id,
            c.state == "live",
        )
        .order_by(c.id)
    ).all()


def _held(uow: UnitOfWork, automation_id: UUID, ids: Collection[UUID]) -> Sequence[Any]:
    """Lock what all lock, in the order of all: addresses, subjects, then the enrollments."""
    rows = _those(uow, automation_id, ids)
    if not rows:
        return ()
    awaited = [row.awaits for row in rows if row.awaits is not None]
    addresses = select(_communications.c.address_id).where(
        _communications.c.clinic_id == uow.clinic_id, among(_communications.c.dedupe_key, awaited)
    )
    lock_addresses(uow, sorted(set(uow.session.scalars(addresses))))
    lock_facts(uow, [Subject(row.contact_id, row.lead_id) for row in rows])
    c = _enrollments.c
    uow.session.execute(
        select(c.id)
        .where(c.clinic_id == uow.clinic_id, among(c.id, [row.id for row in rows]))
        .order_by(c.id)
        .with_for_update()
    ).all()
    return _those(uow, automation_id, ids)


def _with_text(uow: UnitOfWork, rows: Sequence[Any], *statuses: str) -> set[UUID]:
    """Return those of the passages whose awaited text is in one of these states."""
    said = _communications.c
    awaited = [row.awaits for row in rows if row.awaits is not None]
    return set(
        uow.session.scalars(
            select(said.origin_id).where(
                and_(said.clinic_id == uow.clinic_id, among(said.dedupe_key, awaited)),
                said.status.in_(statuses),
            )
        )
    )


def _write(uow: UnitOfWork, rows: Sequence[Any], **values: Any) -> None:
    if not rows:
        return
    c = _enrollments.c
    uow.session.execute(
        update(_enrollments)
        .where(c.clinic_id == uow.clinic_id, among(c.id, [row.id for row in rows]))
        .values(**values)
    )
    uow.session.expire_all()


def _about(row: Any) -> dict[str, Any]:
    return {
        "order_key": row.subject_id,
        "contact_id": row.contact_id,
        "lead_id": row.lead_id,
        "enrollment_id": row.id,
        "automation_id": row.automation_id,
    }
