"""Tables of notices: most are read from what happened, so only what was seen is kept of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, reference, table_args


class NoticeMark(ClinicScoped, table=True):
    """Until when a user has seen what is new in a clinic; `id` is the user's."""

    __tablename__ = "notice_marks"
    __table_args__ = table_args()
    retention = DataClass.ACCOUNT

    seen_at: datetime


class StaffNotice(ClinicScoped, table=True):
    """What a sequence tells somebody of the clinic, or everybody, about a lead."""

    __tablename__ = "staff_notices"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        Index("ix_staff_notices_told", "clinic_id", "told_at", "id"),
    )
    retention = DataClass.LEAD

    lead_id: UUID
    user_id: UUID | None = Field(default=None, description="Who is told; None: everybody.")
    message: str = Field(description="Encrypted.")
    told_at: datetime
