"""Texts for later that a reply or a booking makes needless: they are withdrawn, and it is told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import DateTime, cast, select, tuple_, update

from crm.compliance.actions import lock_addresses
from crm.compliance.gate import Overtaken
from crm.core.bulk import among, each_its_own
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.actions.staff import VOIDED
from crm.messaging.models import Communication

_texts: Any = Communication.__table__  # type: ignore[attr-defined]


def withdraw_overtaken(
    uow: UnitOfWork,
    of: Literal["address_id", "lead_id"],
    since: Mapping[UUID, datetime],
    reason: Overtaken,
) -> None:
    """Withdraw the overtakable texts of these addresses, or leads, that were written before then.

    What leaves at this very moment is stopped by the gate, which knows the same (pain 15).
    """
    if not since:
        return
    column = _texts.c[of]
    at = cast(
        each_its_own(column, {one: at.isoformat() for one, at in since.items()}), DateTime(True)
    )
    theirs = (
        _texts.c.clinic_id == uow.clinic_id,
        among(column, sorted(since)),
        _texts.c.is_overtakable,
        _texts.c.status == "queued",
        _texts.c.created_at <= at,
    )
    waiting = uow.session.execute(select(_texts.c.address_id).where(*theirs)).scalars().all()
    if not waiting:
        return
    lock_addresses(uow, waiting)
    held = select(_texts.c.clinic_id, _texts.c.id).where(*theirs).order_by(_texts.c.id)
    queued = held.with_for_update().cte("queued")
    voided = uow.session.execute(
        update(_texts)
        .where(tuple_(_texts.c.clinic_id, _texts.c.id).in_(select(queued)))
        .values({**VOIDED, "reason": reason, "settled_at": uow.now})
        .returning(*writes.TOLD)
    )
    uow.emit(telling.settled(row, row.status) for row in voided)
