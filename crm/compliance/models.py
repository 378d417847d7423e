"""The consent ledger, its wordings, and the suppression list; all hang on the address."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, UniqueConstraint, text
from sqlmodel import Field

from crm.core.models import (
    Chained,
    ClinicScoped,
    DataClass,
    chain_index,
    one_of,
    reference,
    table_args,
)

Channel = Literal["sms", "email", "voice"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
Purpose = Literal["care", "marketing"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
About = Literal[Purpose, "email_offers"]
"""What a wording speaks of; a consent to texts never rests on words about emails."""

Tier = Literal["none", "express", "written"]
TIERS: tuple[Tier, ...] = get_args(Tier)


class ConsentWording(ClinicScoped, Chained, table=True):
    """The exact words shown beside a consent, one row a version and language (LAW-10)."""

    __tablename__ = "consent_wordings"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "text_hash", "language", "purpose"),
        chain_index("consent_wordings"),
    )
    retention = DataClass.CONSENT

    language: str
    purpose: str
    tier: str
    text: str
    text_hash: str
    created_at: datetime


class Consent(ClinicScoped, Chained, table=True):
    """One event of the ledger: granted or revoked, with its evidence; never changed (LAW-1)."""

    __tablename__ = "consents"
    __table_args__ = table_args(
        reference("address_id", "addresses"),
        reference("wording_id", "consent_wordings"),
        one_of("channel", CHANNELS),
        one_of("purpose", PURPOSES),
        one_of("tier", TIERS),
        one_of("action", ("granted", "revoked")),
        Index("ix_consents_latest", "clinic_id", "address_id", "channel", "purpose", "seq"),
        chain_index("consents"),
    )
    retention = DataClass.CONSENT
    erasable = frozenset({"evidence"})

    seq: int = Field(
        default=None,
        sa_type=BigInteger,
        sa_column_args=(Identity(),),
        nullable=False,
        description="Rises in the order of an address's commits, whatever a clock says.",
    )
    address_id: UUID
    contact_id: UUID | None = None
    channel: str
    purpose: str
    tier: str
    action: str
    wording_id: UUID | None = None
    source: str
    evidence: str | None = Field(default=None, description="Encrypted JSON: words, IP, agent.")
    principal_kind: str
    principal_id: UUID | None = None
    at: datetime


class Suppression(ClinicScoped, table=True):
    """An address that must not be contacted on a channel; lifted by a row's end, never deleted."""

    __tablename__ = "suppressions"
    __table_args__ = table_args(
        reference("address_id", "addresses"),
        one_of("channel", CHANNELS),
        Index(
            "uq_suppressions_live",
            "clinic_id",
            "address_id",
            "channel",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )
    retention = DataClass.CONSENT

    address_id: UUID
    channel: str
    reason: str
    communication_id: UUID | None = None
    created_at: datetime
    lifted_at: datetime | None = None
    lifted_by_communication_id: UUID | None = None
