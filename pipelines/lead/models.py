"""Tables of what the front desk keeps on a lead: notes, tags, and who is at it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, reference, table_args


class Note(ClinicScoped, table=True):
    """What somebody of the clinic wrote down about a lead; a removed one keeps its row."""

    __tablename__ = "notes"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        UniqueConstraint("clinic_id", "dedupe_key"),
        Index("ix_notes_lead", "clinic_id", "lead_id", "id"),
    )
    retention = DataClass.MESSAGE

    lead_id: UUID
    body: str = Field(description="Encrypted.")
    dedupe_key: str
    author_id: UUID | None = None
    created_at: datetime
    removed_at: datetime | None = None


class Tag(ClinicScoped, table=True):
    """A word by which the clinic's people mark leads."""

    __tablename__ = "tags"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "folded"))
    retention = DataClass.SETTINGS

    name: str
    folded: str = Field(description="The name without case and accents: one tag a word.")
    created_at: datetime


class LeadTag(ClinicScoped, table=True):
    """That a lead is marked with a tag."""

    __tablename__ = "lead_tags"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        reference("tag_id", "tags"),
        UniqueConstraint("clinic_id", "lead_id", "tag_id"),
        Index("ix_lead_tags_tag", "clinic_id", "tag_id", "lead_id"),
    )
    retention = DataClass.LEAD

    lead_id: UUID
    tag_id: UUID
    created_at: datetime


class Visit(ClinicScoped, table=True):
    """That somebody is at a lead: seen when, wrote when, and the words not sent yet.

    Drafts are kept here and not in the browser, which the whole front desk shares.
    """

    __tablename__ = "lead_visits"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        UniqueConstraint("clinic_id", "lead_id", "user_id"),
    )
    retention = DataClass.MESSAGE

    lead_id: UUID
    user_id: UUID
    seen_at: datetime
    wrote_at: datetime | None = Field(
        default=None, description="The soft claim: see `CLAIMED_FOR`."
    )
    draft: str | None = Field(default=None, description="Encrypted.")
