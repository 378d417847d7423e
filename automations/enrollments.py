"""Ending passages: the enrollment, its queued texts and what is told of it, in one transaction."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_, update

from automations.events import EnrollmentEnded
from automations.models import Enrollment
from automations.subjects import Subject, lock_facts
from crm.core.bulk import among, each_its_own
from crm.core.uow import UnitOfWork
from crm.messaging.actions import void_texts

ORIGIN = "enrollment"
"""The `origin_kind` of communications that an enrollment queued."""

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]

_ENDED: Mapping[str, Any] = {
    "state": "ended",
    "awaits": None,
    "listens": None,
    "listens_until": None,
    "due_at": None,
    "dead_at": None,
    "lease_until": None,
    "lease_token": None,
}


def end_enrollments(uow: UnitOfWork, ids: Collection[UUID], reason: str) -> list[UUID]:
    """End those of these enrollments that are live, for one reason; see `end_each`."""
    return end_each(uow, dict.fromkeys(ids, reason))


def end_each(uow: UnitOfWork, reasons: Mapping[UUID, str]) -> list[UUID]:
    """End those of these enrollments that are live, and void their queued texts; return their ids.

    A reason is a code. All are locked together, each kind of row in id order, whatever the reasons.
    A text that is already being sent is not stopped by this.
    """
    if not reasons:
        return []
    c = _enrollments.c
    live = (c.clinic_id == uow.clinic_id, among(c.id, sorted(reasons)), c.state == "live")
    rows = uow.session.execute(select(c.contact_id, c.lead_id).where(*live)).all()
    if not rows:
        return []
    lock_facts(uow, [Subject(row.contact_id, row.lead_id) for row in rows])
    held = select(c.clinic_id, c.id).where(*live).order_by(c.id).with_for_update().cte("held")
    ended = uow.session.execute(
        update(_enrollments)
        .where(tuple_(c.clinic_id, c.id).in_(select(held.c.clinic_id, held.c.id)))
        .values({**_ENDED, "ended_at": uow.now, "exit_reason": each_its_own(c.id, reasons)})
        .returning(c.id, c.automation_id, c.contact_id, c.lead_id, c.subject_id)
    ).all()
    void_texts(uow, ORIGIN, {row.id: reasons[row.id] for row in ended})
    uow.emit(
        EnrollmentEnded(
            order_key=row.subject_id,
            contact_id=row.contact_id,
            lead_id=row.lead_id,
            enrollment_id=row.id,
            automation_id=row.automation_id,
            reason=reasons[row.id],
        )
        for row in ended
    )
    return [row.id for row in ended]


def end_by_hand(uow: UnitOfWork, enrollment_id: UUID) -> Enrollment:
    """End an enrollment because somebody says so; one that has ended stays as it is.

    Raises NotFound.
    """
    enrollment = uow.get(Enrollment, enrollment_id)
    end_enrollments(uow, [enrollment.id], "by_hand")
    return enrollment


def end_for_leads(uow: UnitOfWork, lead_ids: Collection[UUID], reason: str) -> list[UUID]:
    """End every live enrollment of these leads; return their ids."""
    return end_enrollments(uow, _live_ids(uow, _enrollments.c.lead_id, lead_ids), reason)


def end_for_contacts(uow: UnitOfWork, contact_ids: Collection[UUID], reason: str) -> list[UUID]:
    """End every live enrollment of these contacts, of their leads too; return their ids."""
    return end_enrollments(uow, _live_ids(uow, _enrollments.c.contact_id, contact_ids), reason)


def _live_ids(uow: UnitOfWork, column: Any, ids: Collection[UUID]) -> list[UUID]:
    c = _enrollments.c
    statement = select(c.id).where(
        c.clinic_id == uow.clinic_id, column.in_(set(ids)), c.state == "live"
    )
    return list(uow.session.scalars(statement)) if ids else []
