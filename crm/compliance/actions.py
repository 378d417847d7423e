"""Verbs of consent: record it, suppress an address, lift that; all under the address's lock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import update

from crm.compliance.events import AddressSuppressed, ConsentRecorded, SuppressionLifted
from crm.compliance.models import PURPOSES, Channel, Consent, Purpose, Suppression, Tier
from crm.compliance.queries import latest_consents, live_suppressions
from crm.contacts.actions import lock_addresses
from crm.core.bulk import insert_rows
from crm.core.errors import N_, Conflict
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.privacy.actions import MAX_USER_AGENT, origin

__all__ = [
    "NewConsent",
    "consent_told_staff",
    "given_to_staff",
    "lift_suppression",
    "lock_addresses",
    "record_consents",
    "revoke_consents",
    "suppress",
    "suppress_as_told",
]

OPTED_OUT = N_("They opted out of texts to this number: only they can undo it, by texting START.")
TOLD_STAFF, PROVIDER_SAYS = "told_staff", "provider_opted_out"
"""Why an address is suppressed that did not text STOP."""

UNSUBSCRIBED = "unsubscribed"
"""Why an email address is suppressed whose owner said so, in an email or on the page behind it."""

_suppressions: Any = Suppression.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class NewConsent:
    """What somebody agreed to, or took back, for one address (LAW-1).

    `evidence` is whatever proves it: the words, where they stood, IP and browser (LAW-10).
    `action` is "granted" or "revoked".
    """

    address_id: UUID
    contact_id: UUID | None
    channel: Channel
    purpose: Purpose
    tier: Tier
    action: str
    wording_id: UUID | None = None
    source: str = "form"
    evidence: Mapping[str, Any] = field(default_factory=dict)


def record_consents(uow: UnitOfWork, consents: Sequence[NewConsent]) -> list[UUID]:
    """Append to the ledger, which is never changed (LAW-10); return the ids in order."""
    # Under this lock the rows take their `seq`, by which the last word of an address is told.
    lock_addresses(uow, [consent.address_id for consent in consents])
    rows = [_consent_row(uow, consent) for consent in consents]
    uow.insert(Consent, rows)
    uow.emit(
        ConsentRecorded(
            order_key=consent.address_id,
            contact_id=consent.contact_id,
            consent_id=row["id"],
            address_id=consent.address_id,
            channel=consent.channel,
            purpose=consent.purpose,
            tier=consent.tier,
            action=consent.action,
        )
        for consent, row in zip(consents, rows, strict=True)
    )
    return [row["id"] for row in rows]


def revoke_consents(
    uow: UnitOfWork,
    address_id: UUID,
    *,
    contact_id: UUID | None,
    source: str,
    evidence: Mapping[str, Any],
    channel: Channel = "sms",
    purposes: Sequence[Purpose] = PURPOSES,
) -> None:
    """Record that somebody took back their consent to texts, or emails, for purposes (LAW-4)."""
    record_consents(
        uow,
        [
            NewConsent(
                address_id=address_id,
                contact_id=contact_id,
                channel=channel,
                purpose=purpose,
                tier="none",
                action="revoked",
                source=source,
                evidence=evidence,
            )
            for purpose in purposes
        ],
    )


def given_to_staff(how: str, language: str) -> dict[str, Any]:
    """Return the evidence of a consent that somebody gave to whoever sends this request (LAW-10).

    `how` is "in_person" or "phone", `language` that of the words that were read out.
    """
    at = origin()
    return {
        "given_to": "front_desk",
        "how": how,
        "language": language,
        "ip": at.ip,
        "user_agent": (at.user_agent or "")[:MAX_USER_AGENT],
    }


def consent_told_staff(
    uow: UnitOfWork,
    address_id: UUID,
    *,
    contact_id: UUID,
    wording_id: UUID,
    evidence: Mapping[str, Any],
) -> bool:
    """Record that somebody agreed, before staff, to texts about care; return whether it was news.

    `wording_id` are the words that were read to them (LAW-10). Raises Conflict after an opt-out,
    which only their own START lifts (LAW-12).
    """
    lock_addresses(uow, [address_id])
    if (address_id, "sms") in live_suppressions(uow, [address_id]):
        raise Conflict(OPTED_OUT)
    said = latest_consents(uow, [address_id]).get((address_id, "sms", "care"))
    if said is not None and said.action == "granted":
        return False
    record_consents(
        uow,
        [
            NewConsent(
                address_id=address_id,
                contact_id=contact_id,
                channel="sms",
                purpose="care",
                tier="express",
                action="granted",
                wording_id=wording_id,
                source="staff",
                evidence=evidence,
            )
        ],
    )
    return True


def _consent_row(uow: UnitOfWork, consent: NewConsent) -> dict[str, Any]:
    consent_id = new_id()
    evidence = json.dumps(consent.evidence, ensure_ascii=False, default=str)
    return {
        "id": consent_id,
        "address_id": consent.address_id,
        "contact_id": consent.contact_id,
        "channel": consent.channel,
        "purpose": consent.purpose,
        "tier": consent.tier,
        "action": consent.action,
        "wording_id": consent.wording_id,
        "source": consent.source,
        "evidence": uow.encrypt(consent_id, evidence) if consent.evidence else None,
        "principal_kind": uow.principal.kind,
        "principal_id": uow.principal.id,
        "at": uow.now,
    }


def suppress(
    uow: UnitOfWork,
    address_id: UUID,
    channel: Channel,
    reason: str,
    communication_id: UUID | None = None,
) -> bool:
    """Put an address on the suppression list of a channel; return whether it was not on it.

    After the commit no send to it is claimed. `communication_id` is the STOP that asked for it.
    """
    return bool(suppress_all(uow, {address_id: communication_id}, channel, reason))


def suppress_all(
    uow: UnitOfWork, asked_by: Mapping[UUID, UUID | None], channel: Channel, reason: str
) -> list[UUID]:
    """Put addresses on the suppression list as `suppress` does; return those that were not on it.

    `asked_by` maps each to the communication that asked for it.
    """
    lock_addresses(uow, list(asked_by))
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": new_id(),
            "address_id": address_id,
            "channel": channel,
            "reason": reason,
            "communication_id": communication_id,
            "created_at": uow.now,
        }
        for address_id, communication_id in asked_by.items()
    ]
    written = insert_rows(
        uow.session, _suppressions, rows, skip_known=True, returning=("address_id",)
    )
    added = [row.address_id for row in written]
    uow.emit(
        AddressSuppressed(
            order_key=address_id, address_id=address_id, channel=channel, reason=reason
        )
        for address_id in added
    )
    return added


def suppress_as_told(uow: UnitOfWork, address_id: UUID, channel: Channel = "sms") -> bool:
    """Suppress an address since somebody told the clinic (LAW-4); return whether it is news.

    Where the provider alone said so until now, it is the patient's own word from now on.
    """
    if suppress(uow, address_id, channel, TOLD_STAFF):
        return True
    confirmed: Any = uow.session.execute(
        update(_suppressions)
        .where(
            _suppressions.c.clinic_id == uow.clinic_id,
            _suppressions.c.address_id == address_id,
            _suppressions.c.channel == channel,
            _suppressions.c.lifted_at.is_(None),
            _suppressions.c.reason == PROVIDER_SAYS,
        )
        .values(reason=TOLD_STAFF)
    )
    return bool(confirmed.rowcount)


def lift_suppression(
    uow: UnitOfWork, address_id: UUID, channel: Channel, communication_id: UUID | None = None
) -> bool:
    """Take an address off the suppression list, by its own word; return whether it was on it.

    The row stays with its end (LAW-12). `communication_id` is the START that asked for it.
    """
    lock_addresses(uow, [address_id])
    lifted = uow.session.execute(
        update(_suppressions)
        .where(
            _suppressions.c.clinic_id == uow.clinic_id,
            _suppressions.c.address_id == address_id,
            _suppressions.c.channel == channel,
            _suppressions.c.lifted_at.is_(None),
        )
        .values(lifted_at=uow.now, lifted_by_communication_id=communication_id)
        .returning(_suppressions.c.id)
    ).all()
    if lifted:
        uow.emit(SuppressionLifted(order_key=address_id, address_id=address_id, channel=channel))
    return bool(lifted)
