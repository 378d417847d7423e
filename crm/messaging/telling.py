"""Telling what became of texts, from the rows that the statements of `writes` return (`TOLD`)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from crm.core.uow import UnitOfWork
from crm.messaging.events import CommunicationSettled, StaffTextSettled

SETTLED = ("sent", "delivered", "undelivered", "failed")


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
        StaffTextSettled(
            order_key=row.address_id,
            contact_id=row.contact_id,
            lead_id=row.lead_id,
            communication_id=row.id,
        )
        for row in rows
        if row.origin_kind == "user" and row.status in SETTLED
    )


def settled(row: Row[Any], status: str, reason: str | None = None) -> CommunicationSettled:
    """Return the event that tells what became of a text, by default for the row's own reason."""
    return CommunicationSettled(
        order_key=row.address_id,
        contact_id=row.contact_id,
        lead_id=row.lead_id,
        cause=tuple(UUID(cause) for cause in row.cause),
        communication_id=row.id,
        status=status,
        reason=reason or row.reason,
        origin_kind=row.origin_kind,
        origin_id=row.origin_id,
    )
