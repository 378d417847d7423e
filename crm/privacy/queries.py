"""Reads of the audit trail."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from crm.core.uow import UnitOfWork
from crm.privacy.models import AuditEntry


def audit_entries(
    uow: UnitOfWork,
    *,
    actions: Sequence[str] = (),
    object_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Return the newest entries first, of some actions or all, of one object or any.

    `before` is the id of the last entry of the page before.
    """
    statement = select(AuditEntry).order_by(col(AuditEntry.at).desc(), col(AuditEntry.id).desc())
    if actions:
        statement = statement.where(col(AuditEntry.action).in_(actions))
    if object_id is not None:
        statement = statement.where(col(AuditEntry.object_id) == object_id)
    if before is not None:
        last = uow.get(AuditEntry, before)
        earlier = (col(AuditEntry.at) < last.at) | (
            (col(AuditEntry.at) == last.at) & (col(AuditEntry.id) < last.id)
        )
        statement = statement.where(earlier)
    return list(uow.session.scalars(statement.limit(limit)))
