"""Tables of what we send and receive: senders, templates, conversations, communications."""

from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from crm.compliance.models import CHANNELS
from crm.core.models import ClinicScoped, DataClass, Due, due_indexes, one_of, reference, table_args

MessageClass = Literal["care", "marketing", "staff", "system"]
MESSAGE_CLASSES: tuple[MessageClass, ...] = get_args(MessageClass)
Status = Literal[
    "queued",
    "sending",
    "unconfirmed",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "blocked",
    "voided",
    "received",
]
STATUSES: tuple[Status, ...] = get_args(Status)
PROVIDERS = ("sandbox", "twilio", "sendgrid")
OPEN_STATUSES = ("queued", "sending", "unconfirmed")


class ChannelAccount(ClinicScoped, table=True):
    """A clinic's account at a provider; its credentials are encrypted."""

    __tablename__ = "channel_accounts"
    __table_args__ = table_args(one_of("channel", CHANNELS), one_of("provider", PROVIDERS))
    retention = DataClass.SETTINGS

    channel: str
    provider: str
    external_id: str | None = Field(default=None, description="Twilio's AccountSid.")
    credentials: str | None = Field(default=None, description="Encrypted JSON.")
    version: int = 1
    is_paused: bool = False
    paused_reason: str | None = None
    created_at: datetime


class Sender(ClinicScoped, table=True):
    """A number or address that the clinic sends from."""

    __tablename__ = "senders"
    __table_args__ = table_args(
        reference("account_id", "channel_accounts"),
        UniqueConstraint("clinic_id", "channel", "value"),
    )
    retention = DataClass.SETTINGS

    account_id: UUID
    channel: str
    value: str
    is_default: bool = True
    created_at: datetime


class Template(ClinicScoped, table=True):
    """A text or email that staff and sequences send; its words are in its versions."""

    __tablename__ = "templates"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "name"), one_of("message_class", MESSAGE_CLASSES)
    )
    retention = DataClass.SETTINGS

    name: str
    channel: str = "sms"
    message_class: str = "care"
    version_id: UUID | None = Field(default=None, description="The published version.")
    paused_version_id: UUID | None = Field(
        default=None, description="The version that carriers filter; it waits for a person (TW-44)."
    )
    paused_at: datetime | None = None
    created_at: datetime


class TemplateVersion(ClinicScoped, table=True):
    """The words of a template, by language; never changed once published."""

    __tablename__ = "template_versions"
    __table_args__ = table_args(
        reference("template_id", "templates"),
        UniqueConstraint("clinic_id", "template_id", "number"),
    )
    retention = DataClass.SETTINGS
    is_append_only = True

    template_id: UUID
    number: int
    bodies: dict[str, str] = Field(sa_type=JSONB)
    subjects: dict[str, str] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}"},
        description="Of an email, by language.",
    )
    created_at: datetime


class Conversation(ClinicScoped, table=True):
    """The communications between one address and one sender of the clinic."""

    __tablename__ = "conversations"
    __table_args__ = table_args(
        reference("address_id", "addresses"),
        reference("sender_id", "senders"),
        UniqueConstraint("clinic_id", "address_id", "sender_id"),
        # Where we wrote last, and no answer came.
        Index(
            "ix_conversations_unanswered",
            "clinic_id",
            "last_out_at",
            "id",
            postgresql_where=text("last_in_at IS NULL OR last_in_at < last_out_at"),
        ),
    )
    retention = DataClass.MESSAGE

    address_id: UUID
    sender_id: UUID
    last_in_at: datetime | None = None
    last_out_at: datetime | None = None
    created_at: datetime


class Communication(ClinicScoped, Due, table=True):
    """One text, email or call, in or out: what was said, why, and what became of it (LAW-11).

    queued -> sending -> sent | failed | unconfirmed -> settled; or blocked, or voided. A held one
    stays queued, with `held_reason` and a later `due_at`.
    """

    __tablename__ = "communications"
    __table_args__ = table_args(
        reference("address_id", "addresses"),
        reference("contact_id", "contacts"),
        reference("conversation_id", "conversations"),
        one_of("direction", ("in", "out")),
        one_of("channel", CHANNELS),
        one_of("status", STATUSES),
        one_of("message_class", MESSAGE_CLASSES),
        UniqueConstraint("clinic_id", "dedupe_key"),
        *due_indexes("communications", where="due_at IS NOT NULL AND status = 'queued'"),
        Index(
            "ix_communications_settling",
            "due_at",
            postgresql_where=text("status IN ('sending', 'unconfirmed')"),
        ),
        Index(
            "ix_communications_to_check",
            "clinic_id",
            "id",
            postgresql_where=text("reason = 'unconfirmed_needs_person'"),
        ),
        Index("ix_communications_address", "clinic_id", "address_id", "id"),
        Index("ix_communications_contact", "clinic_id", "contact_id", "id"),
        Index("ix_communications_lead", "clinic_id", "lead_id", "id"),
        Index(
            "ix_communications_origin",
            "clinic_id",
            "origin_kind",
            "origin_id",
            postgresql_where=text("origin_id IS NOT NULL"),
        ),
        Index(
            "ix_communications_provider",
            "clinic_id",
            "provider_id",
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
        Index(
            "ix_communications_attempt",
            "clinic_id",
            "attempt_id",
            postgresql_where=text("attempt_id IS NOT NULL"),
        ),
    )
    retention = DataClass.MESSAGE

    direction: str
    channel: str = "sms"
    status: str
    message_class: str
    language: str | None = Field(default=None, description="Set where it is not the person's own.")
    address_id: UUID
    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    lead_id: UUID | None = None
    origin_kind: str | None = Field(
        default=None, description="enrollment, user, keyword, test, ..."
    )
    origin_id: UUID | None = None
    dedupe_key: str
    template_version_id: UUID | None = None
    body: str | None = Field(default=None, description="Encrypted; rendered by the last gate.")
    subject: str | None = Field(default=None, description="Of an email, as it left. Encrypted.")
    html: str | None = Field(default=None, description="Of an email, as it left. Encrypted.")
    merge_values: str | None = Field(
        default=None, description="Encrypted JSON: merge fields that only the queuer knew."
    )
    useful_until: datetime | None = None
    held_reason: str | None = None
    reason: str | None = Field(default=None, description="Why it was blocked, failed or voided.")
    gate: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    consent_id: UUID | None = None
    sender_id: UUID | None = None
    attempt_id: UUID | None = None
    resends: int = 0
    retry_of: UUID | None = Field(
        default=None, description="The text that did not arrive and is tried once more by this."
    )
    asked: int = 0
    refused_since: datetime | None = Field(
        default=None, description="When the provider first said that it takes it later."
    )
    provider_id: str | None = None
    provider_status: str | None = None
    error_code: str | None = None
    is_overtakable: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": false()},
        description="A reply or a booking withdraws it: sent later, and not for certain.",
    )
    cause: list[str] = Field(default_factory=list, sa_type=JSONB)
    created_at: datetime
    taken_at: datetime | None = Field(
        default=None, description="When its call began at the latest."
    )
    settled_at: datetime | None = None


class SendDay(ClinicScoped, table=True):
    """How many automated texts a clinic took for sending in one of its days (LAW-27)."""

    __tablename__ = "send_days"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "day"))
    retention = DataClass.LOG

    day: date
    taken: int = 0
    reached_at: datetime | None = Field(default=None, description="When the cap was first met.")


class ProviderStatus(ClinicScoped, table=True):
    """One status callback as it came; the row is appended even when it is not applied (TW-22)."""

    __tablename__ = "provider_statuses"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "provider_id", "status", "error_code"),
    )
    retention = DataClass.LOG

    provider_id: str
    status: str
    error_code: str = ""
    attempt_id: UUID | None = None
    communication_id: UUID | None = None
    at: datetime
