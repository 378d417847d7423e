"""What SendGrid tells of emails: what became of them, and who wants no more (SG-10, SG-11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.engine import Row

from crm.compliance.actions import (
    PROVIDER_SAYS,
    NewConsent,
    lock_addresses,
    record_consents,
    suppress_all,
)
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.actions.opting_out import void_for_addresses
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
    told = [(emails[event.email_id], event) for event in events if event.email_id in emails]
    _end_emails(uow, {email.address_id: email.id for email, one in told if one.kind == _COMPLAINED})
    _end_offers(uow, [(email, one) for email, one in told if one.kind in _UNSUBSCRIBED])


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


def _end_emails(uow: UnitOfWork, asked_by: Mapping[UUID, UUID]) -> None:
    """Let no more emails go to whoever called one spam."""
    if asked_by:
        suppress_all(uow, asked_by, "email", PROVIDER_SAYS)
        void_for_addresses(uow, list(asked_by), "email")


def _end_offers(uow: UnitOfWork, told: Sequence[tuple[Row[Any], MailEvent]]) -> None:
    """Take back the consents to offers, as the readers told SendGrid; care is not touched."""
    if not told:
        return
    record_consents(
        uow,
        [
            NewConsent(
                address_id=email.address_id,
                contact_id=email.contact_id,
                channel="email",
                purpose="marketing",
                tier="none",
                action="revoked",
                source="provider",
                evidence={"communication_id": str(email.id), "how": f"sendgrid:{event.kind}"},
            )
            for email, event in told
        ],
    )
    void_for_addresses(uow, [email.address_id for email, _ in told], "email", ("marketing",))
