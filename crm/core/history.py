"""The history of declared fields: who changed what, when, from what to what."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, inspect
from sqlalchemy.orm import Session

from crm.core.models import ClinicScoped, DataClass, table_args


class FieldChange(ClinicScoped, table=True):
    """One change of one field; old and new are encrypted."""

    __tablename__ = "field_changes"
    __table_args__ = table_args(
        Index("ix_field_changes_entity", "clinic_id", "entity", "entity_id", "id")
    )
    retention = DataClass.LOG

    entity: str
    entity_id: UUID
    field: str
    old: str | None = None
    new: str | None = None
    at: datetime
    principal_kind: str
    principal_id: UUID | None = None


def changed_fields(session: Session) -> Iterator[tuple[ClinicScoped, str, Any, Any]]:
    """Yield (row, field, old, new) for each declared field that this session is about to change."""
    for row in session.dirty:
        if not isinstance(row, ClinicScoped) or not row.tracked:
            continue
        state = inspect(row)
        for name in row.tracked:
            history = state.attrs[name].history
            if history.has_changes() and history.deleted:
                yield row, name, history.deleted[0], history.added[0]
