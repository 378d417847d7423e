"""What an email's reader chooses to get: everything, only what is about him, or nothing (LAW-40).

It is heeded in the transaction that answers, under the lock of the address: no email that is now
unwanted is taken for sending after its commit. Texts are not touched by it: STOP ends those
(LAW-7), and an email address says nothing of a phone.
"""

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.compliance.actions import (
    TOLD_STAFF,
    UNSUBSCRIBED,
    NewConsent,
    lift_suppression,
    lock_addresses,
    record_consents,
    revoke_consents,
    suppress,
)
from crm.compliance.models import Purpose
from crm.compliance.queries import latest_consents, live_suppressions
from crm.compliance.wordings import email_offers_text, publish_wording, version_of
from crm.core.errors import N_, Conflict
from crm.core.uow import UnitOfWork
from crm.messaging.actions.opting_out import void_for_addresses
from crm.messaging.models import Communication
from crm.privacy.actions import MAX_USER_AGENT, origin
from crm.web.language import current_language

Choice = Literal["all", "care", "none"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
How = Literal["one_click", "page"]

CANNOT_LIFT = N_("Emails to this address do not arrive. Please ask the clinic.")
OTHER_WORDS = N_("The words that you agree to have changed. Please read them again.")


@dataclass(frozen=True)
class Reader:
    """Whoever reads an email: what he gets now, and what his choices mean."""

    clinic: Clinic
    message_class: str
    choice: Choice
    offers: str

    @property
    def wording_version(self) -> str:
        """Which words stand beside the choice that takes offers."""
        return version_of(self.offers)


def reader_of(uow: UnitOfWork, email_id: UUID) -> Reader:
    """Return who reads an email, and what he chose. Raises NotFound."""
    email = uow.get(Communication, email_id)
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    offers = email_offers_text(clinic.name, current_language())
    return Reader(clinic, email.message_class, _choice(uow, email.address_id), offers)


def unsubscribe(uow: UnitOfWork, email_id: UUID) -> Choice:
    """End what an email is one of, at once; return what its reader got until now.

    An offer ends the offers, an email about his request ends them all. Safe to ask for again: it
    never lets more through than before. Raises NotFound.
    """
    email = uow.get(Communication, email_id)
    lock_addresses(uow, [email.address_id])
    before = _choice(uow, email.address_id)
    is_offer = email.message_class == "marketing"
    _change(uow, email, before, "care" if is_offer and before != "none" else "none", "one_click")
    return before


def choose_emails(uow: UnitOfWork, email_id: UUID, choice: Choice, wording_version: str) -> Choice:
    """Let the reader of an email get what he chooses; return what he got until now.

    `wording_version` names the words that stood beside the choice of offers. Raises NotFound, and
    Conflict where these have changed, or where an address is closed for another reason than his
    word.
    """
    email = uow.get(Communication, email_id)
    lock_addresses(uow, [email.address_id])
    before = _choice(uow, email.address_id)
    if choice == "all" and wording_version != reader_of(uow, email_id).wording_version:
        raise Conflict(OTHER_WORDS)
    _change(uow, email, before, choice, "page")
    return before


def _choice(uow: UnitOfWork, address_id: UUID) -> Choice:
    if (address_id, "email") in live_suppressions(uow, [address_id]):
        return "none"
    offers = latest_consents(uow, [address_id]).get((address_id, "email", "marketing"))
    return "all" if offers is not None and offers.granted_tier == "written" else "care"


def _change(uow: UnitOfWork, email: Communication, before: Choice, after: Choice, how: How) -> None:
    if after == before:
        return
    evidence = _evidence(email, how)
    if after == "none":
        suppress(uow, email.address_id, "email", UNSUBSCRIBED, email.id)
        _revoke(uow, email, ("care", "marketing"), evidence)
        void_for_addresses(uow, [email.address_id], "email")
        return
    if before == "none":
        _open(uow, email, evidence)
    if after == "all":
        _grant(uow, email, "marketing", evidence)
    elif before == "all":
        _revoke(uow, email, ("marketing",), evidence)
        void_for_addresses(uow, [email.address_id], "email", ("marketing",))


def _open(uow: UnitOfWork, email: Communication, evidence: dict[str, str]) -> None:
    """Let emails through again: what the reader closed himself, also by telling the clinic.

    Nothing else is lifted (rule 13).
    """
    live = live_suppressions(uow, [email.address_id])[email.address_id, "email"]
    if live.reason not in (UNSUBSCRIBED, TOLD_STAFF):
        raise Conflict(CANNOT_LIFT)
    lift_suppression(uow, email.address_id, "email", email.id)
    _grant(uow, email, "care", evidence)


def _grant(
    uow: UnitOfWork, email: Communication, purpose: Purpose, evidence: dict[str, str]
) -> None:
    wording_id = None
    if purpose == "marketing":
        reader = reader_of(uow, email.id)
        language = current_language()
        wording_id = publish_wording(uow, language, "email_offers", "written", reader.offers).id
    record_consents(
        uow,
        [
            NewConsent(
                address_id=email.address_id,
                contact_id=email.contact_id,
                channel="email",
                purpose=purpose,
                tier="written" if purpose == "marketing" else "express",
                action="granted",
                wording_id=wording_id,
                source="preferences",
                evidence=evidence,
            )
        ],
    )


def _revoke(
    uow: UnitOfWork, email: Communication, purposes: tuple[Purpose, ...], evidence: dict[str, str]
) -> None:
    revoke_consents(
        uow,
        email.address_id,
        contact_id=email.contact_id,
        source="preferences",
        evidence=evidence,
        channel="email",
        purposes=purposes,
    )


def _evidence(email: Communication, how: How) -> dict[str, str]:
    """Return what proves it: which email led to it, how, and from where (LAW-10)."""
    at = origin()
    return {
        "communication_id": str(email.id),
        "how": how,
        "ip": at.ip or "",
        "user_agent": (at.user_agent or "")[:MAX_USER_AGENT],
    }
