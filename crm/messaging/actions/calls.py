"""Calls that somebody writes down by hand."""

from typing import Literal, get_args
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from crm.compliance.actions import lock_addresses
from crm.contacts.models import Address
from crm.core.errors import NotFound
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.events import CallLogged, CallRemoved
from crm.messaging.models import Communication
from crm.messaging.telling import about

Outcome = Literal["completed", "voicemail", "no-answer", "busy", "wrong-number"]
"""What came of a call: the provider's own words where it has them (TW-60)."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Direction = Literal["out", "in"]


def log_call(
    uow: UnitOfWork,
    address_id: UUID,
    outcome: Outcome,
    *,
    key: str,
    direction: Direction = "out",
    said: str = "",
    contact_id: UUID | None = None,
    lead_id: UUID | None = None,
) -> Communication:
    """Write down a call to or from a phone; the same key is one call. Raises NotFound."""
    if uow.get(Address, address_id).kind != "phone":
        raise NotFound("phone not found")
    lock_addresses(uow, [address_id])
    dedupe_key = f"call:{uow.principal.id}:{key}"
    known = uow.session.scalar(_by_key(uow, dedupe_key))
    if known is not None:
        return known
    call_id = new_id()
    call = Communication(
        id=call_id,
        direction=direction,
        channel="voice",
        status="sent" if direction == "out" else "received",
        message_class="staff",
        address_id=address_id,
        contact_id=contact_id,
        lead_id=lead_id,
        origin_kind="user",
        origin_id=uow.principal.id,
        dedupe_key=dedupe_key,
        body=uow.encrypt(call_id, said) if said else None,
        provider_status=outcome,
        created_at=uow.now,
        settled_at=uow.now,
    )
    uow.add(call)
    uow.emit(_told(CallLogged, call))
    return call


def remove_call(uow: UnitOfWork, communication_id: UUID) -> Communication:
    """Take back a call that was written down by mistake. Raises NotFound."""
    call = uow.get(Communication, communication_id)
    if call.channel != "voice" or call.origin_kind != "user":
        raise NotFound("call not found")
    lock_addresses(uow, [call.address_id])
    uow.session.refresh(call, with_for_update=True)
    if call.status != "voided":
        call.status = "voided"
        uow.session.flush()
        uow.emit(_told(CallRemoved, call))
    return call


def _by_key(uow: UnitOfWork, dedupe_key: str) -> SelectOfScalar[Communication]:
    return select(Communication).where(
        col(Communication.clinic_id) == uow.clinic_id,
        col(Communication.dedupe_key) == dedupe_key,
    )


def _told(
    event: type[CallLogged] | type[CallRemoved], call: Communication
) -> CallLogged | CallRemoved:
    return event(**about(call))
