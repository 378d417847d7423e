"""Tables of pipelines, leads and the requests that made them."""

from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, one_of, reference, table_args

StageKind = Literal["open", "booked", "won", "lost"]
STAGE_KINDS: tuple[StageKind, ...] = get_args(StageKind)


def _version() -> Any:
    """Return the column by which a form is told that somebody else was faster."""
    return Field(default=1, sa_column_kwargs={"server_default": "1"})


class Pipeline(ClinicScoped, table=True):
    """An ordered list of stages that leads move through."""

    __tablename__ = "pipelines"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "name"))
    retention = DataClass.SETTINGS

    name: str
    position: int = 0
    is_default: bool = False
    reply_within_minutes: int | None = Field(
        default=15,
        sa_column_kwargs={"server_default": "15"},
        description="By when a patient should be answered, in the clinic's hours; None: whenever.",
    )
    version: int = _version()
    created_at: datetime


class Stage(ClinicScoped, table=True):
    """A step of a pipeline; its kind says what standing in it means."""

    __tablename__ = "stages"
    __table_args__ = table_args(
        reference("pipeline_id", "pipelines"),
        one_of("kind", STAGE_KINDS),
        UniqueConstraint("clinic_id", "pipeline_id", "name"),
        UniqueConstraint("clinic_id", "pipeline_id", "id"),
    )
    retention = DataClass.SETTINGS

    pipeline_id: UUID
    name: str
    kind: str = "open"
    position: int
    version: int = _version()
    removed_at: datetime | None = Field(
        default=None, description="No lead stands in it any more; its moves keep its name."
    )
    stale_after_days: int | None = Field(
        default=None, description="After how long a lead has waited here too long; None: never."
    )


class LostReason(ClinicScoped, table=True):
    """Why a lead may be lost, in the clinic's words."""

    __tablename__ = "lost_reasons"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "name"))
    retention = DataClass.SETTINGS

    name: str
    position: int = 0
    version: int = _version()
    removed_at: datetime | None = Field(
        default=None, description="It is offered no more; leads lost for it keep it."
    )


class Lead(ClinicScoped, table=True):
    """One contact's inquiry moving through one pipeline."""

    __tablename__ = "leads"
    __table_args__ = table_args(
        reference("contact_id", "contacts"),
        reference("lost_reason_id", "lost_reasons"),
        ForeignKeyConstraint(
            ["clinic_id", "pipeline_id", "stage_id"],
            ["stages.clinic_id", "stages.pipeline_id", "stages.id"],
        ),
        one_of("stage_kind", STAGE_KINDS),
        # The board reads each of these from its top; one a filter, so that none is looked through.
        Index("ix_leads_rank", "clinic_id", "stage_id", "rank", "id"),
        Index(
            "ix_leads_unread",
            "clinic_id",
            "stage_id",
            "rank",
            "id",
            postgresql_where=text("unread_at IS NOT NULL"),
        ),
        Index(
            "ix_leads_owner",
            "clinic_id",
            "owner_id",
            "stage_id",
            "rank",
            "id",
            postgresql_where=text("owner_id IS NOT NULL"),
        ),
        Index(
            "ix_leads_reply_due",
            "clinic_id",
            "stage_id",
            "rank",
            "id",
            postgresql_where=text("reply_due_at IS NOT NULL"),
        ),
        Index("ix_leads_source", "clinic_id", "source", "stage_id", "rank", "id"),
        Index(
            "ix_leads_service",
            "clinic_id",
            "service",
            "stage_id",
            "rank",
            "id",
            postgresql_where=text("service IS NOT NULL"),
        ),
        Index("ix_leads_stage", "clinic_id", "stage_id", "stage_entered_at", "id"),
        Index("ix_leads_contact", "clinic_id", "contact_id", "id"),
        # Who stands still, and whose day comes, in the order in which that comes to be.
        Index(
            "ix_leads_standing",
            "clinic_id",
            "stage_entered_at",
            "id",
            postgresql_where=text("stage_kind = 'open'"),
        ),
        Index(
            "ix_leads_follow_up",
            "clinic_id",
            "follow_up_on",
            "id",
            postgresql_where=text("follow_up_on IS NOT NULL"),
        ),
    )
    retention = DataClass.LEAD
    tracked = frozenset({"value_cents", "owner_id", "service", "follow_up_on"})

    contact_id: UUID
    pipeline_id: UUID
    stage_id: UUID
    stage_kind: str = "open"
    stage_entered_at: datetime
    rank: float = Field(
        sa_column_kwargs={"server_default": func.date_part("epoch", func.now())},
        description="Where it stands in its stage, the highest on top; see `ranking`.",
    )
    source: str = "form"
    campaign: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)
    landing_page: str | None = None
    service: str | None = None
    value_cents: int = Field(default=0, sa_type=BigInteger)
    owner_id: UUID | None = None
    follow_up_on: date | None = Field(
        default=None, description="The clinic's day on which somebody means to come back to it."
    )
    lost_reason_id: UUID | None = None
    created_at: datetime
    requested_at: datetime
    unread_at: datetime | None = Field(
        default=None, description="When the patient wrote what nobody has read yet."
    )
    reply_due_at: datetime | None = Field(
        default=None, description="By when somebody should answer the patient; see `replies`."
    )
    version: int = 1


class StageMove(ClinicScoped, table=True):
    """A recorded move: from, to, who, why, when."""

    __tablename__ = "stage_moves"
    __table_args__ = table_args(
        reference("lead_id", "leads"),
        Index("ix_stage_moves_lead", "clinic_id", "lead_id", "id"),
    )
    retention = DataClass.LEAD
    is_append_only = True

    lead_id: UUID
    from_stage_id: UUID
    from_rank: float | None = None
    to_stage_id: UUID
    principal_kind: str
    principal_id: UUID | None = None
    reason: str | None = None
    lost_reason_id: UUID | None = None
    at: datetime


class StageCounter(ClinicScoped, table=True):
    """How many leads stand in a stage and what they are worth; `id` is the stage's id."""

    __tablename__ = "stage_counters"
    __table_args__ = table_args(reference("id", "stages"))
    retention = DataClass.LEAD

    leads: int = 0
    value_cents: int = Field(default=0, sa_type=BigInteger)


class SavedView(ClinicScoped, table=True):
    """A board as somebody likes to see it again: its filters, under a name."""

    __tablename__ = "saved_views"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "user_id", "name"))
    retention = DataClass.SETTINGS

    user_id: UUID = Field(foreign_key="users.id")
    name: str
    query: str = Field(description="The board's query string, as `Filters.query` writes it.")
    created_at: datetime


class RequestForm(ClinicScoped, table=True):
    """A public request form; its key is in the doors."""

    __tablename__ = "request_forms"
    __table_args__ = table_args(reference("pipeline_id", "pipelines"))
    retention = DataClass.SETTINGS

    name: str
    key: str = Field(description="Public: it stands in the form's address.")
    pipeline_id: UUID
    services: list[str] = Field(default_factory=list, sa_type=JSONB)
    sites: list[str] = Field(
        default_factory=list,
        sa_type=JSONB,
        description="Origins that may show the form in a frame: https://www.clinic.example.",
    )
    wordings: dict[str, str] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}"},
        description="Language -> the consent wording shown; without one the clinic's default.",
    )
    asks: dict[str, str] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}"},
        description="Field -> `needed` or `left_out`; the others may be left empty.",
    )
    texts: dict[str, str] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}"},
        description="Place and language, such as `title_en` -> what stands there.",
    )
    version: int = 1
    is_open: bool = True
    created_at: datetime


class AppointmentRequest(ClinicScoped, table=True):
    """What arrived at the edge, kept raw and encrypted; the same key never makes a second lead."""

    __tablename__ = "appointment_requests"
    __table_args__ = table_args(
        reference("contact_id", "contacts"),
        reference("lead_id", "leads"),
        UniqueConstraint("clinic_id", "source", "idempotency_key"),
        Index("ix_appointment_requests_lead", "clinic_id", "lead_id", "id"),
    )
    retention = DataClass.LEAD

    source: str
    idempotency_key: str
    body_hash: str
    body: str = Field(description="Encrypted JSON, as it came.")
    form_id: UUID | None = None
    form_version: int | None = None
    contact_id: UUID
    lead_id: UUID
    received_at: datetime
