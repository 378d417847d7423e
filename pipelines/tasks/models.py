"""The table of tasks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, reference, table_args

OPEN = "done_at IS NULL"


class Task(ClinicScoped, table=True):
    """Something to be done by one person; with `is_all_day` it is due when that day ends."""

    __tablename__ = "tasks"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        reference("contact_id", "contacts"),
        Index("ix_tasks_open", "clinic_id", "due_at", "id", postgresql_where=text(OPEN)),
        Index(
            "ix_tasks_mine",
            "clinic_id",
            "assignee_id",
            "due_at",
            "id",
            postgresql_where=text(OPEN),
        ),
        Index("ix_tasks_assigned", "clinic_id", "assignee_id", "assigned_at"),
        Index("ix_tasks_lead", "clinic_id", "lead_id", "id"),
    )
    retention = DataClass.LEAD

    title: str = Field(description="Encrypted.")
    lead_id: UUID | None = None
    contact_id: UUID | None = None
    due_at: datetime
    is_all_day: bool = False
    assignee_id: UUID
    assigned_by: UUID | None = None
    assigned_at: datetime
    created_at: datetime
    done_at: datetime | None = None
    done_by: UUID | None = None
    version: int = 1
