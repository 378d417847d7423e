"""What the patients' mailboxes of the sandbox hold; the demo's only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.contacts.models import Address
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.messaging.emails.layout import ESSENTIAL
from crm.messaging.emails.ways_out import way_out
from crm.messaging.models import ChannelAccount, Communication, Sender
from crm.messaging.sandbox import ARRIVED

MOST_EMAILS = 60

_emails: Any = Communication.__table__  # type: ignore[attr-defined]
_senders: Any = Sender.__table__  # type: ignore[attr-defined]
_accounts: Any = ChannelAccount.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class SandboxEmail:
    """An email in a mailbox; `token` is what its own way out leads by, if it has one."""

    id: UUID
    subject: str
    sender: str
    message_class: str
    at: datetime
    token: str | None


@dataclass
class Mailbox:
    """A patient's mailbox, its latest email first."""

    address_id: UUID
    value: str
    emails: list[SandboxEmail] = field(default_factory=list)


def mailboxes(uow: UnitOfWork) -> list[Mailbox]:
    """Return the mailboxes with something in them, the one with the latest email first."""
    found: dict[UUID, Mailbox] = {}
    for row in _rows(uow):
        box = found.setdefault(row.address_id, Mailbox(row.address_id, row.value))
        token = None if row.message_class in ESSENTIAL else way_out(uow, row.id)
        subject = uow.decrypt(row.id, row.subject)
        box.emails.append(
            SandboxEmail(row.id, subject, row.sender, row.message_class, row.taken_at, token)
        )
    return list(found.values())


def html_of(uow: UnitOfWork, email_id: UUID) -> str:
    """Return an email as its reader's program would show it.

    Raises NotFound, also for one that did not arrive in the sandbox.
    """
    for row in _rows(uow, email_id):
        return uow.decrypt(row.id, row.html)
    raise NotFound("email not found")


def _rows(uow: UnitOfWork, only: UUID | None = None) -> Sequence[Any]:
    c = _emails.c
    mine = (
        c.clinic_id == uow.clinic_id,
        c.channel == "email",
        c.status.in_(ARRIVED),
        c.html.is_not(None),
        *([] if only is None else [c.id == only]),
    )
    return uow.session.execute(
        select(
            *(c.id, c.address_id, c.subject, c.html, c.message_class, c.taken_at),
            _addresses.c.value,
            _senders.c.value.label("sender"),
        )
        .join(
            _addresses,
            (_addresses.c.clinic_id == c.clinic_id) & (_addresses.c.id == c.address_id),
        )
        .join(_senders, (_senders.c.clinic_id == c.clinic_id) & (_senders.c.id == c.sender_id))
        .join(
            _accounts,
            (_accounts.c.clinic_id == _senders.c.clinic_id)
            & (_accounts.c.id == _senders.c.account_id)
            & (_accounts.c.provider == "sandbox"),
        )
        .where(*mine)
        .order_by(c.taken_at.desc(), c.id.desc())
        .limit(MOST_EMAILS)
    ).all()
