"""Reads of the consent ledger and the suppression list, for many addresses at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from crm.compliance.models import Consent, Suppression
from crm.core.bulk import among
from crm.core.uow import UnitOfWork

_consents: Any = Consent.__table__  # type: ignore[attr-defined]
_suppressions: Any = Suppression.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class LatestConsent:
    """What an address said last about a channel and a purpose."""

    consent_id: UUID
    address_id: UUID
    channel: str
    purpose: str
    tier: str
    action: str
    at: datetime

    @property
    def granted_tier(self) -> str:
        """The tier that counts: none once it was taken back."""
        return self.tier if self.action == "granted" else "none"


@dataclass(frozen=True)
class LiveSuppression:
    """That an address must not be contacted on a channel, why and since when."""

    suppression_id: UUID
    address_id: UUID
    channel: str
    reason: str
    created_at: datetime


def latest_consents(
    uow: UnitOfWork, address_ids: Iterable[UUID]
) -> dict[tuple[UUID, str, str], LatestConsent]:
    """Return the last word by (address, channel, purpose); no entry means no consent."""
    rows = uow.session.execute(
        select(
            _consents.c.id,
            _consents.c.address_id,
            _consents.c.channel,
            _consents.c.purpose,
            _consents.c.tier,
            _consents.c.action,
            _consents.c.at,
        )
        .where(
            _consents.c.clinic_id == uow.clinic_id,
            among(_consents.c.address_id, sorted(set(address_ids))),
        )
        .ext(distinct_on(_consents.c.address_id, _consents.c.channel, _consents.c.purpose))
        .order_by(
            _consents.c.address_id,
            _consents.c.channel,
            _consents.c.purpose,
            _consents.c.seq.desc(),
        )
    )
    found = (LatestConsent(*row) for row in rows)
    return {(one.address_id, one.channel, one.purpose): one for one in found}


def live_suppressions(
    uow: UnitOfWork, address_ids: Iterable[UUID]
) -> dict[tuple[UUID, str], LiveSuppression]:
    """Return the suppressions that hold now, by (address, channel)."""
    rows = uow.session.execute(
        select(
            _suppressions.c.id,
            _suppressions.c.address_id,
            _suppressions.c.channel,
            _suppressions.c.reason,
            _suppressions.c.created_at,
        ).where(
            _suppressions.c.clinic_id == uow.clinic_id,
            among(_suppressions.c.address_id, sorted(set(address_ids))),
            _suppressions.c.lifted_at.is_(None),
        )
    )
    found = (LiveSuppression(*row) for row in rows)
    return {(one.address_id, one.channel): one for one in found}


def is_overtaken(uow: UnitOfWork, address_id: UUID, channel: str, at: datetime) -> bool:
    """Whether an address consented, opted out or in again after a time: that counts, not before."""
    s, c = _suppressions.c, _consents.c
    listed = select(s.id).where(
        s.clinic_id == uow.clinic_id,
        s.address_id == address_id,
        s.channel == channel,
        or_(s.created_at > at, s.lifted_at > at),
    )
    said = select(c.id).where(
        c.clinic_id == uow.clinic_id,
        c.address_id == address_id,
        c.channel == channel,
        c.at > at,
    )
    return uow.session.scalar(listed.union_all(said).limit(1)) is not None
