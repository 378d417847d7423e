"""What STOP, START and HELP do at once, and the one answer that each gets (LAW-3..LAW-7, LAW-32).

Called with the lock of the address held, in the transaction that stores the patient's text.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from crm.accounts.models import Clinic
from crm.compliance.actions import (
    NewConsent,
    lift_suppression,
    record_consents,
    revoke_consents,
    suppress,
)
from crm.compliance.keywords import Match
from crm.compliance.queries import is_overtaken
from crm.contacts import phones
from crm.contacts.models import Contact
from crm.core.uow import UnitOfWork
from crm.messaging.actions import OutboundText, queue_texts
from crm.messaging.actions.opting_out import void_for_addresses
from crm.messaging.models import Communication
from crm.web.language import _, speaking

ANSWER_WITHIN = timedelta(minutes=5)
"""A later confirmation of a STOP is presumed to be outside of the law's exemption (LAW-6)."""

MOST_ANSWERS = 3
"""Automatic answers to an address in an hour, so that two machines never talk (TW-17).

The last of them is kept for START: who is texted again is always told how to end it (LAW-31)."""

# Short codes, names and other media are machines or cannot be answered by a text (TW-16).
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
# The provider counts it as a START; ours stays on: too many mean "yes, I come" (TW-55).
_YES = re.compile(r"\W*(?:yes|si|sí)\W*", re.IGNORECASE)
_PROVIDER_KEYWORDS = {"STOP": "stop", "START": "start", "HELP": "help"}

_texts: Any = Communication.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Inbound:
    """A patient's text as stored, with what it asks for.

    `opt_out` is the keyword that the provider recognised and answered itself (TW-53).
    """

    row: Communication
    sent_from: str
    sent_to: str
    body: str = field(repr=False)
    opt_out: str | None
    match: Match | None

    @property
    def keyword(self) -> str | None:
        """The keyword: stop, start, help or nothing; a STOP by either of us is one."""
        theirs = _PROVIDER_KEYWORDS.get((self.opt_out or "").upper())
        if theirs == "start" and _YES.fullmatch(self.body):
            theirs = None
        ours = self.match.kind if self.match else None
        return "stop" if "stop" in (ours, theirs) else ours or theirs

    @property
    def matcher(self) -> str:
        """Which rule says so, as evidence (LAW-10)."""
        return self.match.matcher if self.match else f"provider:{self.opt_out}"


def heed(uow: UnitOfWork, text: Inbound) -> None:
    """Do what a text's keyword asks for and queue its one answer; nothing for other texts.

    Of a text that is read late the keyword counts only if nothing newer was said.
    """
    came_at = text.row.created_at
    if came_at < uow.now and is_overtaken(uow, text.row.address_id, "sms", came_at):
        return
    if text.keyword == "stop":
        is_new = suppress(uow, text.row.address_id, "sms", "stop", text.row.id)
        row = text.row
        revoke_consents(
            uow, row.address_id, contact_id=row.contact_id, source="text", evidence=_evidence(text)
        )
        void_for_addresses(uow, [text.row.address_id])
        if is_new:
            _answer(uow, text)
    elif text.keyword == "start":
        if lift_suppression(uow, text.row.address_id, "sms", text.row.id):
            # Express consent to be texted; marketing needs a written one, given anew (LAW-2).
            _grant(uow, text)
            _answer(uow, text)
    elif text.keyword == "help":
        _answer(uow, text)


def _grant(uow: UnitOfWork, text: Inbound) -> None:
    consent = NewConsent(
        address_id=text.row.address_id,
        contact_id=text.row.contact_id,
        channel="sms",
        purpose="care",
        tier="express",
        action="granted",
        source="text",
        evidence=_evidence(text),
    )
    record_consents(uow, [consent])


def _evidence(text: Inbound) -> dict[str, str]:
    return {
        "words": text.match.words if text.match else text.body,
        "matcher": text.matcher,
        "body": text.body,
        "communication_id": str(text.row.id),
    }


def _answer(uow: UnitOfWork, text: Inbound) -> None:
    """Queue the answer, unless it is too late, the provider gave it or two machines would talk."""
    useful_until = text.row.created_at + ANSWER_WITHIN
    if useful_until <= uow.now:
        return
    if text.opt_out or not _PHONE.fullmatch(text.sent_from) or _is_echo(uow, text):
        return
    most = MOST_ANSWERS if text.keyword == "start" else MOST_ANSWERS - 1
    if _answers_lately(uow, text.row.address_id) >= most:
        return
    answer = OutboundText(
        contact_id=text.row.contact_id,
        message_class="system",
        origin_kind="keyword",
        origin_id=text.row.id,
        dedupe_key=f"answer:{text.row.id}",
        body=_words(uow, text),
        lead_id=text.row.lead_id,
        address_id=text.row.address_id,
        useful_until=useful_until,
        queue="urgent",
        sender_id=text.row.sender_id,
        conversation_id=text.row.conversation_id,
    )
    queue_texts(uow, [answer])


def _answers_lately(uow: UnitOfWork, address_id: UUID) -> int:
    count: int = uow.session.execute(
        select(func.count()).where(
            _texts.c.clinic_id == uow.clinic_id,
            _texts.c.address_id == address_id,
            _texts.c.origin_kind == "keyword",
            _texts.c.created_at > uow.now - timedelta(hours=1),
        )
    ).scalar_one()
    return count


def _is_echo(uow: UnitOfWork, text: Inbound) -> bool:
    """Whether the text is our own last one, sent back by a machine (TW-17)."""
    last = uow.session.execute(
        select(_texts.c.id, _texts.c.body)
        .where(
            _texts.c.clinic_id == uow.clinic_id,
            _texts.c.address_id == text.row.address_id,
            _texts.c.direction == "out",
            _texts.c.channel == "sms",
            _texts.c.body.is_not(None),
        )
        .order_by(_texts.c.id.desc())
        .limit(1)
    ).first()
    return last is not None and uow.decrypt(last.id, last.body).strip() == text.body.strip()


def _words(uow: UnitOfWork, text: Inbound) -> str:
    """Return the answer in the words' language, else the contact's or the clinic's; no marketing.

    Several people may use a phone: a keyword in Spanish is answered in Spanish.
    """
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    contact = text.row.contact_id and uow.get(Contact, text.row.contact_id)
    language = contact.language if contact else clinic.language
    with speaking("es" if text.match and text.match.is_spanish else language):
        if text.keyword == "stop":
            return _(
                "%(clinic)s: You will get no more texts from us. Reply START to get them again.",
                clinic=clinic.name,
            )
        if text.keyword == "start":
            return _(
                "%(clinic)s: You will get our texts again. Message and data rates may apply. "
                "Reply HELP for help, STOP to end.",
                clinic=clinic.name,
            )
        return _(
            "%(clinic)s: For help, contact us at %(phone)s. Message and data rates may apply. "
            "Reply STOP to end our texts.",
            clinic=clinic.name,
            phone=phones.national(clinic.phone or text.sent_to, clinic.region),
        )
