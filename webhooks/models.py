"""The inbox of providers' webhooks: each kept raw and encrypted, once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, Due, due_indexes, table_args


class WebhookEvent(ClinicScoped, Due, table=True):
    """One call of a provider, by its own id; a second delivery of it changes nothing (TW-11).

    One that could not be applied is due again; one that is nobody's is dead until a person says
    *Retry* or *Dismiss*.
    """

    __tablename__ = "webhook_events"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "provider", "kind", "external_id"),
        *due_indexes("webhook_events"),
    )
    retention = DataClass.LOG

    provider: str
    kind: str
    external_id: str
    query: str = Field(default="", description="Of the address that was called, as it was signed.")
    body: str = Field(description="Encrypted, as it came.")
    outcome: str = "applied"
    ref_id: UUID | None = None
    received_at: datetime
