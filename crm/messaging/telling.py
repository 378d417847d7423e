"""Telling what became of texts, from the rows that the statements of `writes` return (`TOLD`)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from crm.core.uow import UnitOfWork
from crm.messaging.events import CommunicationSettled, StaffTextSettled
from crm.messaging.models import Communication

SETTLED = ("sent", "delivered", "undelivered", "failed")


def about(row: Row[Any] | Communication) -> dict[str, Any]:
    """Return the ids by which an event tells of a text or call, in the order of its address."""
    return {
        "order_key": row.address_id,
        "contact_id": row.contact_id,
        "lead_id": row.lead_id,
        "communication_id": row.id,
    }


def tell_settled(uow: UnitOfWork, rows: Iterable[Row[Any]]) -> None:
    """Tell who waits for these texts what became of them; the addresses are locked."""
    told = list(rows)
    uow.emit(
        settled(row, "sent" if row.status in ("delivered", "undelivered") else row.status)
        for row in told
        if row.status in (*SETTLED, "blocked")
    )
    tell_staff_texts(uow, told)


def tell_staff_texts(uow: UnitOfWork, rows: Iterable[Row[Any]]) -> None:
    """Tell which texts of people left or did not arrive; the addresses are locked."""
    uow.emit(
        StaffTextSettled(**about(row))
        for row in rows
        if row.origin_kind == "user" and row.status in SETTLED
    )


def settled(row: Row[Any], status: str, reason: str | None = None) -> CommunicationSettled:
    """Return the event that tells what became of a text, by default for the row's own reason."""
    return CommunicationSettled(
        **about(row),
        cause=tuple(UUID(cause) for cause in row.cause),
        status=status,
        reason=reason or row.reason,
        origin_kind=row.origin_kind,
        origin_id=row.origin_id,
    )
