"""The audit trail: who did what to which row, append-only (LAW-52, SEC-15)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from crm.core.models import Chained, ClinicScoped, DataClass, chain_index, table_args


class AuditEntry(ClinicScoped, Chained, table=True):
    """One audited act."""

    __tablename__ = "audit_entries"
    __table_args__ = table_args(
        Index("ix_audit_entries_at", "clinic_id", "at"), chain_index("audit_entries")
    )
    retention = DataClass.LOG
    erasable = frozenset({"ip", "user_agent"})

    action: str
    principal_kind: str
    principal_id: UUID | None = None
    object_kind: str | None = None
    object_id: UUID | None = None
    at: datetime
    request_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
