"""What a person at the front desk texts."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.compliance.models import Suppression
from crm.core.errors import N_, Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.actions.queuing import OutboundText, latest_phones, queue_texts
from crm.messaging.models import Conversation

USEFUL_FOR = timedelta(hours=1)
"""How long a person's text is worth sending: after a long halt nobody is woken by an old reply."""


class OptedOut(Conflict):
    """The address asked to stop; nobody may text it (LAW-7)."""

    code = "opted_out"
    title = N_("They asked not to be texted")


def send_staff_text(
    uow: UnitOfWork,
    *,
    body: str,
    key: str,
    contact_id: UUID | None = None,
    address_id: UUID | None = None,
    conversation_id: UUID | None = None,
    lead_id: UUID | None = None,
) -> UUID:
    """Queue what a signed-in person wrote, ahead of all automated texts; return its id.

    `key` is the form's own: sent twice it makes one text. Raises Invalid, OptedOut, NotFound.
    """
    if not body.strip():
        raise Invalid(field="body")
    if len(body.encode("utf-16-le")) // 2 > rendering.TEXT_LIMIT:
        raise rendering.TextTooLong(rendering.TEXT_LIMIT)
    sender_id = None
    if conversation_id is not None:
        conversation = uow.get(Conversation, conversation_id)
        address_id, sender_id = conversation.address_id, conversation.sender_id
    elif address_id is None and contact_id is not None:
        address_id = latest_phones(uow, {contact_id}).get(contact_id)
    if address_id is None:
        raise NotFound("phone not found")
    _refuse_opted_out(uow, address_id)
    text = OutboundText(
        contact_id=contact_id,
        message_class="staff",
        origin_kind="user",
        origin_id=uow.principal.id,
        dedupe_key=f"staff:{uow.principal.id}:{key}",
        body=body.strip(),
        lead_id=lead_id,
        address_id=address_id,
        useful_until=uow.now + USEFUL_FOR,
        queue="urgent",
        sender_id=sender_id,
        conversation_id=conversation_id,
    )
    return queue_texts(uow, [text])[text.dedupe_key]


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
