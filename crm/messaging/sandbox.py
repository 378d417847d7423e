"""What the patients' phones of the sandbox show, and what is answered on them; the demo's only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import col

from crm.accounts.models import Membership, User
from crm.contacts.models import Address, Contact, ContactAddress
from crm.contacts.queries import canonical_of
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.messaging.models import ChannelAccount, Communication, Sender
from crm.messaging.receiving import TextIn, receive_text
from crm.web.language import _

MOST_PHONES = 24
MOST_TEXTS = 30

ARRIVED = ("sent", "delivered", "received")
"""The states in which a text is on a phone: what is held or withdrawn never came."""

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_senders: Any = Sender.__table__  # type: ignore[attr-defined]
_accounts: Any = ChannelAccount.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Bubble:
    """One text on a phone; `is_mine` is the patient's own."""

    id: UUID
    is_mine: bool
    body: str
    at: datetime


@dataclass
class SandboxPhone:
    """A patient's phone: whose it is, and its talk with one number of the clinic, oldest first."""

    address_id: UUID
    number: str
    clinic_number: str
    sender_id: UUID
    names: list[str] = field(default_factory=list)
    bubbles: list[Bubble] = field(default_factory=list)


def phones(uow: UnitOfWork, only: UUID | None = None) -> list[SandboxPhone]:
    """Return the phones with something on them, the latest first; `only` the one of an address."""
    latest = _latest(uow, only)
    found = {
        row.address_id: SandboxPhone(row.address_id, row.number, row.clinic_number, row.sender_id)
        for row in latest
    }
    for row in _rows(uow, list(found)):
        body = uow.decrypt(row.id, row.body) if row.body else ""
        bubble = Bubble(row.id, row.direction == "in", body, row.at)
        found[row.address_id].bubbles.insert(0, bubble)
    _name(uow, found)
    _name_staff(uow, found)
    return list(found.values())


def answer(uow: UnitOfWork, address_id: UUID, body: str, key: str) -> UUID:
    """Text the clinic as the patient, who answers the number that texted last.

    The same key is one text, however often it is sent. Raises NotFound.
    """
    known = phones(uow, address_id)
    if not known:
        raise NotFound("phone not found")
    [phone] = known
    text = TextIn(
        sender_value=phone.clinic_number,
        from_e164=phone.number,
        body=body,
        provider_id=f"sandbox:{key}",
        provider="sandbox",
    )
    return receive_text(uow, text)


def _at() -> Any:
    return func.coalesce(_texts.c.taken_at, _texts.c.created_at)


def _here(uow: UnitOfWork) -> Any:
    """The texts that passed through the sandbox, with the number of the clinic."""
    return (
        (_texts.c.clinic_id == uow.clinic_id)
        & (_texts.c.channel == "sms")
        & _texts.c.status.in_(ARRIVED)
        & (_senders.c.clinic_id == _texts.c.clinic_id)
        & (_senders.c.id == _texts.c.sender_id)
        & (_accounts.c.clinic_id == _senders.c.clinic_id)
        & (_accounts.c.id == _senders.c.account_id)
        & (_accounts.c.provider == "sandbox")
    )


def _latest(uow: UnitOfWork, only: UUID | None) -> Sequence[Any]:
    """Return the latest text of each phone with its two numbers, the latest phone first."""
    addresses: Any = Address.__table__  # type: ignore[attr-defined]
    each = (
        select(
            _texts.c.address_id,
            addresses.c.value.label("number"),
            _senders.c.value.label("clinic_number"),
            _senders.c.id.label("sender_id"),
            _at().label("at"),
        )
        .ext(distinct_on(_texts.c.address_id))
        .where(
            _here(uow),
            addresses.c.clinic_id == _texts.c.clinic_id,
            addresses.c.id == _texts.c.address_id,
        )
        .order_by(_texts.c.address_id, _at().desc(), _texts.c.id.desc())
    )
    if only is not None:
        each = each.where(_texts.c.address_id == only)
    latest = each.subquery("latest")
    return uow.session.execute(select(latest).order_by(latest.c.at.desc()).limit(MOST_PHONES)).all()


def _rows(uow: UnitOfWork, address_ids: Sequence[UUID]) -> Sequence[Any]:
    """Return the latest texts of these phones, the newest first."""
    newest = func.row_number().over(
        partition_by=_texts.c.address_id, order_by=(_at().desc(), _texts.c.id.desc())
    )
    ranked = (
        select(
            _texts.c.id,
            _texts.c.address_id,
            _texts.c.direction,
            _texts.c.body,
            _at().label("at"),
            newest.label("place"),
        )
        .where(_here(uow), _texts.c.address_id.in_(address_ids))
        .subquery("ranked")
    )
    return uow.session.execute(
        select(ranked).where(ranked.c.place <= MOST_TEXTS).order_by(ranked.c.place)
    ).all()


def _name(uow: UnitOfWork, found: dict[UUID, SandboxPhone]) -> None:
    """Name whoever uses each phone, merges followed, the first known first."""
    links: Any = ContactAddress.__table__  # type: ignore[attr-defined]
    contacts: Any = Contact.__table__  # type: ignore[attr-defined]
    contact, person = contacts.alias("contact"), contacts.alias("person")
    its = (contact.c.clinic_id == links.c.clinic_id) & (contact.c.id == links.c.contact_id)
    theirs = (person.c.clinic_id == links.c.clinic_id) & (person.c.id == canonical_of(contact.c))
    users = (
        select(links.c.address_id, person.c.id, person.c.name)
        .join(contact, its)
        .join(person, theirs)
        .where(links.c.clinic_id == uow.clinic_id, links.c.address_id.in_(list(found)))
        .order_by(links.c.id)
    )
    names: dict[UUID, dict[UUID, str]] = {}
    for row in uow.session.execute(users):
        names.setdefault(row.address_id, {})[row.id] = row.name
    for address_id, people in names.items():
        found[address_id].names = list(people.values())


def _name_staff(uow: UnitOfWork, found: dict[UUID, SandboxPhone]) -> None:
    """Name those of the clinic who tried a text out on their own phone."""
    nameless = {phone.number: phone for phone in found.values() if not phone.names}
    if not nameless:
        return
    here = (col(Membership.user_id) == col(User.id)) & (col(Membership.clinic_id) == uow.clinic_id)
    staff = uow.session.execute(
        select(col(User.phone), col(User.name))
        .join(Membership, here)
        .where(col(User.phone).in_(list(nameless)), col(Membership.ended_at).is_(None))
    )
    for number, name in staff:
        nameless[str(number)].names.append(_("%(name)s, of the clinic", name=name))
