"""Tables of automations: immutable sequence versions and who passes through them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, Due, due_indexes, one_of, reference, table_args

APPOINTMENT, REPLY, FOLLOW_UP, MARKETING = 0, 10, 20, 30
"""How important an automation is; the least number first."""

PRIORITIES = {
    "appointment": APPOINTMENT,
    "reply": REPLY,
    "follow_up": FOLLOW_UP,
    "marketing": MARKETING,
}


BULK = "bulk"
"""The queue of what is done for many at once, behind everything else (TW-42)."""


class Automation(ClinicScoped, table=True):
    """A trigger, conditions and a sequence, live or paused."""

    __tablename__ = "automations"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "name"), one_of("state", ("live", "paused"))
    )
    retention = DataClass.SETTINGS

    name: str
    state: str = "live"
    version_id: UUID | None = Field(default=None, description="The published version.")
    trigger_kind: str = Field(description="Of the published version, for matching.")
    priority: int = Field(
        default=FOLLOW_UP,
        sa_column_kwargs={"server_default": str(FOLLOW_UP)},
        description="Whose text goes first where several are about to write to one person.",
    )
    week: list[list[int]] | None = Field(
        default=None,
        sa_type=JSONB(none_as_null=True),
        description="The hours of each day, Monday first, in which it sends; of the live version.",
    )
    created_at: datetime


class SequenceVersion(ClinicScoped, table=True):
    """A published definition; enrollments pin it, so it is never changed."""

    __tablename__ = "sequence_versions"
    __table_args__ = table_args(
        reference("automation_id", "automations"),
        UniqueConstraint("clinic_id", "automation_id", "number"),
    )
    retention = DataClass.SETTINGS
    is_append_only = True

    automation_id: UUID
    number: int
    definition: dict[str, Any] = Field(sa_type=JSONB)
    principal_kind: str
    principal_id: UUID | None = None
    published_at: datetime


class SequenceDraft(ClinicScoped, table=True):
    """What an automation will be once it is published: one beside the live version.

    The document may be incomplete; each of its parts has an `id` by which it is edited. There is
    none where nothing is being changed: the row stays, so that `version` never comes twice. `past`
    are the documents before its last edits, the newest last.
    """

    __tablename__ = "sequence_drafts"
    __table_args__ = table_args(
        reference("automation_id", "automations"),
        UniqueConstraint("clinic_id", "automation_id"),
    )
    retention = DataClass.SETTINGS

    automation_id: UUID
    document: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    past: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    version: int = Field(default=0, description="How often it was changed, for who edits at once.")
    based_on: int = Field(default=0, description="The number of the version it began as; 0: none.")
    editor_id: UUID | None = Field(default=None, description="The user who changed it last.")
    changed_at: datetime


class Enrollment(ClinicScoped, Due, table=True):
    """A contact's passage through one sequence version; live ones always have a `due_at`."""

    __tablename__ = "enrollments"
    __table_args__ = table_args(
        reference("automation_id", "automations"),
        reference("version_id", "sequence_versions"),
        reference("contact_id", "contacts"),
        reference("lead_id", "leads"),
        one_of("state", ("live", "ended")),
        one_of("subject_kind", ("lead", "contact")),
        *due_indexes("enrollments"),
        Index(
            "uq_enrollments_live",
            "clinic_id",
            "automation_id",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'live'"),
        ),
        Index("ix_enrollments_contact", "clinic_id", "contact_id", "id"),
        Index("ix_enrollments_lead", "clinic_id", "lead_id", "id"),
        Index("ix_enrollments_version", "clinic_id", "version_id", "id"),
    )
    retention = DataClass.LEAD

    automation_id: UUID
    version_id: UUID
    contact_id: UUID
    lead_id: UUID | None = None
    subject_kind: str
    subject_id: UUID
    state: str = "live"
    step: int = Field(default=0, description="The place of the program to go on with.")
    last_step: int | None = Field(
        default=None, description="The step taken last: who waits stands on it."
    )
    occurrence: int = Field(default=0, description="How often steps were run, for keys.")
    awaits: str | None = Field(
        default=None, description="Dedupe key of an unsettled communication."
    )
    hears_from: datetime | None = Field(
        default=None, description="What happened after it is news to a wait for an event."
    )
    listens: str | None = Field(default=None, description="The event that its step waits for.")
    listens_until: datetime | None = None
    cause: list[str] = Field(default_factory=list, sa_type=JSONB)
    entered_at: datetime
    paused_at: datetime | None = Field(default=None, description="When somebody paused it.")
    ended_at: datetime | None = None
    exit_reason: str | None = None


class StepRun(ClinicScoped, table=True):
    """One executed step with the inputs of its decision: ids and codes only."""

    __tablename__ = "step_runs"
    __table_args__ = table_args(
        Index("ix_step_runs_enrollment", "clinic_id", "enrollment_id", "id"),
    )
    retention = DataClass.LEAD
    is_append_only = True

    enrollment_id: UUID
    step: int
    occurrence: int
    kind: str
    inputs: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    at: datetime


class TriggerClock(ClinicScoped, Due, table=True):
    """How far the time was looked through for an automation that starts by it; `id` is its id.

    `reached_at` is the last moment that was looked at; where more came at that moment than one look
    takes, `reached_id` is the last row of it. No moment up to `counts_from` starts anybody.
    """

    __tablename__ = "trigger_clocks"
    __table_args__ = table_args(reference("id", "automations"), *due_indexes("trigger_clocks"))
    retention = DataClass.QUEUE

    counts_from: datetime
    reached_at: datetime
    reached_id: UUID | None = None


class AssignmentTurns(ClinicScoped, table=True):
    """How many leads a step gave away by turns; `id` follows from its automation and its path."""

    __tablename__ = "assignment_turns"
    __table_args__ = table_args()
    retention = DataClass.SETTINGS

    taken: int = 0
