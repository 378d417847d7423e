"""What a person at the front desk texts, now or later, and takes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from crm.compliance.actions import lock_addresses
from crm.compliance.models import Suppression
from crm.core.errors import N_, Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.actions.queuing import OutboundText, latest_addresses, queue_texts
from crm.messaging.composing import fill
from crm.messaging.events import TextWithdrawn, TextWritten
from crm.messaging.models import Communication, Conversation
from crm.messaging.telling import about

USEFUL_FOR = timedelta(hours=1)
"""How long a person's text is worth sending: after a long halt nobody is woken by an old reply."""

UNDO_FOR = timedelta(seconds=5)
"""How long a text by hand waits, so that it can be taken back."""

_texts: Any = Communication.__table__  # type: ignore[attr-defined]


class OptedOut(Conflict):
    """The address asked to stop; nobody may text it (LAW-7)."""

    code = "opted_out"
    title = N_("They asked not to be texted")


class AlreadyLeft(Conflict):
    """The text is on its way, or was withdrawn before."""

    code = "already_left"
    title = N_("It is too late to take this text back")


@dataclass(frozen=True)
class When:
    """When a text leaves; a reply or a booking withdraws an overtakable one."""

    due_at: datetime | None = None
    is_overtakable: bool = False


AT_ONCE = When()
NOTHING: Mapping[str, object] = {}


def send_staff_text(
    uow: UnitOfWork,
    *,
    body: str,
    key: str,
    contact_id: UUID | None = None,
    address_id: UUID | None = None,
    conversation_id: UUID | None = None,
    lead_id: UUID | None = None,
    values: Mapping[str, object] = NOTHING,
    when: When = AT_ONCE,
) -> UUID:
    """Queue what a signed-in person wrote, ahead of all automated texts; return its id.

    `key` is the form's own: sent twice it makes one text. `values` are what its merge fields mean.
    Raises Invalid, TemplateRefused, MissingValue, TextTooLong, OptedOut, NotFound.
    """
    words = _words(body, values)
    sender_id = None
    if conversation_id is not None:
        conversation = uow.get(Conversation, conversation_id)
        address_id, sender_id = conversation.address_id, conversation.sender_id
    elif address_id is None and contact_id is not None:
        address_id = latest_addresses(uow, {contact_id}).get(contact_id)
    if address_id is None:
        raise NotFound("phone not found")
    lock_addresses(uow, [address_id])
    _refuse_opted_out(uow, address_id)
    due_at = max(when.due_at or uow.now, uow.now)
    text = OutboundText(
        contact_id=contact_id,
        message_class="staff",
        origin_kind="user",
        origin_id=uow.principal.id,
        dedupe_key=f"staff:{uow.principal.id}:{key}",
        body=words,
        lead_id=lead_id,
        address_id=address_id,
        useful_until=due_at + USEFUL_FOR,
        queue="urgent",
        sender_id=sender_id,
        conversation_id=conversation_id,
        due_at=due_at,
        is_overtakable=when.is_overtakable,
    )
    return _queue(uow, text, address_id)


def _queue(uow: UnitOfWork, text: OutboundText, address_id: UUID) -> UUID:
    text_id = queue_texts(uow, [text])[text.dedupe_key]
    people = {"contact_id": text.contact_id, "lead_id": text.lead_id}
    uow.emit(TextWritten(order_key=address_id, communication_id=text_id, **people))
    return text_id


def _words(body: str, values: Mapping[str, object]) -> str:
    if not body.strip():
        raise Invalid(N_("Write what the text shall say."), field="body")
    words = fill(body, values)
    if len(words.encode("utf-16-le")) // 2 > rendering.TEXT_LIMIT:
        raise rendering.TextTooLong(rendering.TEXT_LIMIT)
    return words


def _refuse_opted_out(uow: UnitOfWork, address_id: UUID) -> None:
    suppressed = uow.session.scalar(
        select(col(Suppression.id)).where(
            col(Suppression.clinic_id) == uow.clinic_id,
            col(Suppression.address_id) == address_id,
            col(Suppression.channel) == "sms",
            col(Suppression.lifted_at).is_(None),
        )
    )
    if suppressed is not None:
        raise OptedOut


def withdraw_text(uow: UnitOfWork, communication_id: UUID) -> Communication:
    """Take back what a person wrote and what has not left yet; return it.

    A second click changes nothing. Raises NotFound, AlreadyLeft.
    """
    text = uow.get(Communication, communication_id)
    if text.origin_kind != "user" or text.channel != "sms":
        raise NotFound("text not found")
    lock_addresses(uow, [text.address_id])
    uow.session.refresh(text, with_for_update=True)
    if text.status == "voided":
        return text
    if text.status != "queued":
        raise AlreadyLeft
    uow.session.execute(
        update(_texts)
        .where(_texts.c.clinic_id == uow.clinic_id, _texts.c.id == text.id)
        .values({**VOIDED, "reason": "taken_back", "settled_at": uow.now})
    )
    uow.emit(TextWithdrawn(**about(text)))
    return text


VOIDED: Mapping[str, Any] = {
    "status": "voided",
    "held_reason": None,
    "due_at": None,
    "dead_at": None,
    "lease_until": None,
    "lease_token": None,
}
"""What withdrawing a text writes beside the reason."""
