"""An opt-out of an address: what waits for it is withdrawn; and the one that staff were told of."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CTE, select, tuple_, update

from crm.compliance.actions import lock_addresses, revoke_consents, suppress_as_told
from crm.compliance.models import Channel
from crm.compliance.queries import latest_consents
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.models import Communication
from crm.privacy.actions import audit

AskedBy = Literal["phone", "voicemail", "in_person", "email"]

_texts: Any = Communication.__table__  # type: ignore[attr-defined]


def opt_out_told_staff(
    uow: UnitOfWork,
    address_id: UUID,
    *,
    contact_id: UUID | None,
    asked_by: AskedBy,
    words: str | None = None,
    channel: Channel = "sms",
) -> bool:
    """Heed that somebody told the clinic to stop texts, or emails; return whether it was news.

    It does what STOP does (LAW-4, LAW-7), but answers nothing. Only their own word lifts it: START,
    or their choice on the page that each email leads to.
    """
    lock_addresses(uow, [address_id])
    is_news = suppress_as_told(uow, address_id, channel)
    said = latest_consents(uow, [address_id]).values()
    if not is_news and all(word.granted_tier == "none" for word in said if word.channel == channel):
        return False
    revoke_consents(
        uow,
        address_id,
        contact_id=contact_id,
        source="staff",
        evidence={"asked_by": asked_by, "words": words},
        channel=channel,
    )
    void_for_addresses(uow, [address_id], channel)
    audit(uow, "address.opted_out", "address", address_id, asked_by=asked_by, channel=channel)
    return True


def void_for_addresses(
    uow: UnitOfWork,
    address_ids: Sequence[UUID],
    channel: Channel = "sms",
    classes: Sequence[str] = ("care", "marketing", "staff"),
) -> None:
    """Void what of these classes waits for these addresses, and tell who waits for it.

    What is `sending` was claimed before and ends by itself; what is claimed but still queued is
    voided under its claimer's feet, who looks again before it sends.
    """
    queued = _queued_for(uow, address_ids, channel, classes)
    free = {"held_reason": None, "due_at": None, "lease_until": None, "lease_token": None}
    voided = uow.session.execute(
        update(_texts)
        .where(
            tuple_(_texts.c.clinic_id, _texts.c.id).in_(select(queued.c.clinic_id, queued.c.id)),
            _texts.c.status == "queued",
        )
        .values(status="voided", reason="suppressed", settled_at=uow.now, **free)
        .returning(*writes.TOLD)
    )
    uow.emit(telling.settled(row, row.status) for row in voided)


def _queued_for(
    uow: UnitOfWork, address_ids: Sequence[UUID], channel: Channel, classes: Sequence[str]
) -> CTE:
    """Lock, in the order of their ids, what waits and is no answer to a keyword."""
    return (
        select(_texts.c.clinic_id, _texts.c.id)
        .where(
            _texts.c.clinic_id == uow.clinic_id,
            among(_texts.c.address_id, list(address_ids)),
            _texts.c.direction == "out",
            _texts.c.channel == channel,
            _texts.c.status == "queued",
            _texts.c.message_class.in_(classes),
        )
        .order_by(_texts.c.id)
        .with_for_update()
    ).cte("queued")
