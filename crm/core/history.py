"""The history of declared fields: who changed what, when, from what to what."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, event, inspect
from sqlalchemy.orm import Session, UOWTransaction

from crm.core.models import ClinicScoped, DataClass, table_args


class FieldChange(ClinicScoped, table=True):
    """One change of one field; old and new are encrypted."""

    __tablename__ = "field_changes"
    __table_args__ = table_args(
        Index("ix_field_changes_entity", "clinic_id", "entity", "entity_id", "id")
    )
    retention = DataClass.LOG
    is_append_only = True

    entity: str
    entity_id: UUID
    field: str
    old: str | None = None
    new: str | None = None
    at: datetime
    principal_kind: str
    principal_id: UUID | None = None


Change = tuple[ClinicScoped, str, Any, Any]
"""A row, one of its declared fields, the value before and the value after."""


def watch_changes(session: Session, changes: list[Change]) -> None:
    """Note each change of a declared field just before the flush that writes it."""

    def note(session: Session, context: UOWTransaction, instances: object) -> None:
        changes.extend(_changed_fields(session))

    event.listen(session, "before_flush", note)


def _changed_fields(session: Session) -> Iterator[Change]:
    for row in session.dirty:
        if not isinstance(row, ClinicScoped) or not row.tracked:
            continue
        state = inspect(row)
        for name in row.tracked:
            history = state.attrs[name].history
            if history.has_changes() and history.deleted:
                yield row, name, history.deleted[0], history.added[0]
