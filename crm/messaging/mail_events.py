"""What SendGrid tells of emails: what became of them, and who wants no more (SG-10, SG-11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.engine import Row

from crm.compliance.actions import PROVIDER_SAYS, lock_addresses, revoke_consents, suppress
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.actions.opting_out import void_for_address
from crm.messaging.models import Communication
from crm.messaging.settling.statuses import StatusIn, apply_statuses

_BECAME: Mapping[str, str] = {
    "processed": "accepted",
    "deferred": "deferred",
    "delivered": "delivered",
    "dropped": "dropped",
    "blocked": "undelivered",
    "bounce": "bounced",
}
"""The kinds of events that say what became of an email, in the words of `RANKS`."""

_COMPLAINED = "spamreport"
_UNSUBSCRIBED = ("unsubscribe", "group_unsubscribe")

_emails: Any = Communication.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event of one email; `code` says in a word why it did not arrive."""

    kind: str
    provider_id: str
    attempt_id: UUID
    email_id: UUID
    code: str | None = None

    @property
    def status(self) -> StatusIn | None:
        """What it says became of the email; None where it says something else, such as a click."""
        became = _BECAME.get(self.kind)
        if became is None:
            return None
        return StatusIn(self.provider_id, became, self.code, self.attempt_id)


def apply_mail_events(uow: UnitOfWork, events: Sequence[MailEvent]) -> None:
    """Apply events in any order, copies too: the same emails and addresses come of it."""
    emails = _emails_of(uow, events)
    # All at once and in order, before any is locked alone.
    lock_addresses(uow, [email.address_id for email in emails.values()])
    apply_statuses(uow, [event.status for event in events if event.status is not None])
    for event in events:
        email = emails.get(event.email_id)
        if email is not None and event.kind == _COMPLAINED:
            suppress(uow, email.address_id, "email", PROVIDER_SAYS, email.id)
            void_for_address(uow, email.address_id, "email")
        elif email is not None and event.kind in _UNSUBSCRIBED:
            _end_offers(uow, email, event)


def _emails_of(uow: UnitOfWork, events: Sequence[MailEvent]) -> dict[UUID, Row[Any]]:
    """Return the clinic's own emails that are told of."""
    c = _emails.c
    wanted = sorted({event.email_id for event in events})
    rows = uow.session.execute(
        select(c.id, c.address_id, c.contact_id).where(
            c.clinic_id == uow.clinic_id,
            among(c.id, wanted),
            c.channel == "email",
            c.direction == "out",
        )
    )
    return {row.id: row for row in rows}


def _end_offers(uow: UnitOfWork, email: Row[Any], event: MailEvent) -> None:
    """Take back the consent to offers, as the reader told SendGrid; care is not touched."""
    evidence = {"communication_id": str(email.id), "how": f"sendgrid:{event.kind}"}
    revoke_consents(
        uow,
        email.address_id,
        contact_id=email.contact_id,
        source="provider",
        evidence=evidence,
        channel="email",
        purposes=("marketing",),
    )
    void_for_address(uow, email.address_id, "email", ("marketing",))
