"""What a patient texts us: kept once, and STOP, START and HELP heeded before we answer 2xx.

All of it happens in one transaction under the lock of the address, so that after a STOP's commit
no send to the address is claimed (LAW-5), and twenty copies of a text are one (TW-11).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from crm.compliance.keywords import classify
from crm.contacts.actions import claim_addresses
from crm.contacts.queries import canonical_ids, people_at
from crm.core.errors import NotFound
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from crm.messaging.keyword_answers import Inbound, heed
from crm.messaging.models import Communication, Conversation, Sender

_conversations: Any = Conversation.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class TextIn:
    """A text as a provider handed it over.

    `opt_out` is Twilio's OptOutType: it knew a keyword and has answered it itself (TW-53).
    `received_at` is when it came, where that was not now.
    """

    sender_value: str
    from_e164: str
    body: str = field(repr=False)
    provider_id: str
    provider: str
    opt_out: str | None = None
    received_at: datetime | None = None


@dataclass(frozen=True)
class _Known:
    """Who is at an address, as far as it can be told."""

    contact_id: UUID | None = None
    lead_id: UUID | None = None


def receive_text(uow: UnitOfWork, text: TextIn) -> UUID:
    """Keep a text and heed its keyword; return its communication's id, the first one's for a copy.

    Raises NotFound where the clinic has no such sender.
    """
    sender = _sender(uow, text.sender_value)
    key = ("phone", text.from_e164)
    address_id = claim_addresses(uow, [key])[key]
    dedupe_key = f"in:{text.provider_id}"
    known = _already_here(uow, dedupe_key)
    if known is not None:
        return known
    row = _row(uow, text, address_id, sender.id, dedupe_key)
    uow.add(row)
    inbound = Inbound(
        row, text.from_e164, text.sender_value, text.body, text.opt_out, classify(text.body)
    )
    uow.emit(_received(inbound))
    heed(uow, inbound)
    return row.id


def _row(
    uow: UnitOfWork, text: TextIn, address_id: UUID, sender_id: UUID, dedupe_key: str
) -> Communication:
    person = _person(uow, address_id)
    text_id = new_id()
    came_at = text.received_at or uow.now
    return Communication(
        id=text_id,
        direction="in",
        status="received",
        message_class="care",
        address_id=address_id,
        conversation_id=_conversation(uow, address_id, sender_id, came_at),
        contact_id=person.contact_id,
        lead_id=person.lead_id,
        origin_kind="patient",
        dedupe_key=dedupe_key,
        body=uow.encrypt(text_id, text.body),
        sender_id=sender_id,
        provider_id=text.provider_id,
        created_at=came_at,
        settled_at=uow.now,
    )


def _received(text: Inbound) -> TextReceived:
    row = text.row
    assert row.conversation_id is not None
    return TextReceived(
        order_key=row.address_id,
        contact_id=row.contact_id,
        lead_id=row.lead_id,
        communication_id=row.id,
        address_id=row.address_id,
        conversation_id=row.conversation_id,
        keyword=text.keyword,
    )


def _sender(uow: UnitOfWork, value: str) -> Sender:
    sender = uow.session.scalar(
        select(Sender).where(col(Sender.channel) == "sms", col(Sender.value) == value)
    )
    if sender is None:
        raise NotFound("sender not found")
    return sender


def _already_here(uow: UnitOfWork, dedupe_key: str) -> UUID | None:
    return uow.session.scalar(
        select(col(Communication.id)).where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.dedupe_key) == dedupe_key,
        )
    )


def _conversation(uow: UnitOfWork, address_id: UUID, sender_id: UUID, came_at: datetime) -> UUID:
    statement = insert(_conversations).values(
        clinic_id=uow.clinic_id,
        id=new_id(),
        address_id=address_id,
        sender_id=sender_id,
        last_in_at=came_at,
        created_at=uow.now,
    )
    last_in_at = _conversations.c.last_in_at
    conversation_id: UUID = uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["clinic_id", "address_id", "sender_id"],
            set_={"last_in_at": func.greatest(last_in_at, statement.excluded.last_in_at)},
        ).returning(_conversations.c.id)
    ).scalar_one()
    return conversation_id


def _person(uow: UnitOfWork, address_id: UUID) -> _Known:
    """Tell who texts: whom we texted there last, or the only one who uses the address."""
    people = people_at(uow, [address_id]).get(address_id, [])
    said = select(col(Communication.contact_id), col(Communication.lead_id)).where(
        col(Communication.clinic_id) == uow.clinic_id,
        col(Communication.address_id) == address_id,
        col(Communication.direction) == "out",
    )
    latest_first = col(Communication.id).desc()
    about = uow.session.execute(
        said.where(col(Communication.lead_id).is_not(None)).order_by(latest_first).limit(1)
    ).first()
    if about is not None:
        contact_id = canonical_ids(uow, [about[0]]).get(about[0]) if about[0] else None
        return _Known(contact_id, about[1])
    if len(people) == 1:
        return _Known(people[0])
    last = uow.session.execute(
        said.where(col(Communication.contact_id).in_(people)).order_by(latest_first).limit(1)
    ).first()
    return _Known(last[0] if last is not None else None)
