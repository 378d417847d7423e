"""Reads of communications, for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.models import OPEN_STATUSES, Communication


@dataclass(frozen=True)
class WaitingText:
    """A text that has not left: until when it waits, or that it died, and why in words."""

    id: UUID
    status: str
    due_at: datetime | None
    held_reason: str | None
    is_dead: bool
    why: str


def waiting_texts(uow: UnitOfWork, lead_id: UUID) -> Sequence[WaitingText]:
    """Return the texts of a lead that are queued, being sent or unconfirmed, the oldest first."""
    rows = uow.session.execute(
        select(
            col(Communication.id),
            col(Communication.status),
            col(Communication.due_at),
            col(Communication.held_reason),
            col(Communication.dead_at).is_not(None).label("is_dead"),
        )
        .where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.lead_id) == lead_id,
            col(Communication.direction) == "out",
            col(Communication.status).in_(OPEN_STATUSES),
        )
        .order_by(col(Communication.id))
    )
    return [
        WaitingText(*row, states.reason(states.GAVE_UP if row.is_dead else row.held_reason))
        for row in rows
    ]
