"""Telling what became of texts, from the rows that the statements of `writes` return (`TOLD`)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from crm.core.uow import UnitOfWork
from crm.messaging.events import (
    CommunicationSettled,
    DeliveryFailed,
    DeliveryReported,
    StaffTextSettled,
)
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


def tell_delivery(uow: UnitOfWork, rows: Iterable[Row[Any]]) -> None:
    """Tell what a provider said became of these texts; the addresses are locked."""
    uow.emit(
        DeliveryReported(
            **_with_origin(row),
            status="delivered" if row.status == "delivered" else "undelivered",
            error_code=row.error_code,
        )
        for row in rows
    )


def tell_failed(uow: UnitOfWork, rows: Iterable[Row[Any]]) -> None:
    """Tell which of these failed, none of which is tried again; the addresses are locked."""
    uow.emit(
        DeliveryFailed(**_with_origin(row), reason=row.reason)
        for row in rows
        if row.status in ("failed", "undelivered")
    )


def _with_origin(row: Row[Any]) -> dict[str, Any]:
    origin = {"origin_kind": row.origin_kind, "origin_id": row.origin_id, "channel": row.channel}
    return {**about(row), **origin, "cause": _cause(row)}


def _cause(row: Row[Any]) -> tuple[UUID, ...]:
    return tuple(UUID(cause) for cause in row.cause)


def settled(row: Row[Any], status: str, reason: str | None = None) -> CommunicationSettled:
    """Return the event that tells what became of a text, by default for the row's own reason."""
    return CommunicationSettled(
        **about(row),
        cause=_cause(row),
        status=status,
        reason=reason or row.reason,
        origin_kind=row.origin_kind,
        origin_id=row.origin_id,
    )
