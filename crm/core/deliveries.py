"""Delivering events: the consumer's work and the end of its delivery in one transaction."""

from typing import Any

from sqlalchemy import Uuid, and_, bindparam, delete, exists, select, update
from sqlalchemy.engine import Row

from crm.core.bulk import given
from crm.core.database import INDEXED
from crm.core.errors import N_, LeaseLost
from crm.core.events import Delivery, Event, EventRow, decode
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work

IN_ORDER = """t.consumer = ANY(:consumers) AND NOT EXISTS (
    SELECT 1 FROM deliveries e WHERE e.consumer = t.consumer AND e.order_key = t.order_key
    AND e.seq < t.seq AND e.dead_at IS NULL)"""
"""A delivery waits for the earlier ones of its consumer and order key; a dead one holds no more."""

_deliveries: Any = Delivery.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]


def deliver(runtime: Runtime, claim: Claim) -> None:
    """React to a chunk of one clinic's events, in order, and delete the deliveries done.

    Raises LeaseLost when another worker has taken one of them over; then nothing was done. Of those
    in hand, whatever may be done is done.
    """
    open_transaction = runtime.database.transaction
    with open_transaction(claim.clinic_id, SYSTEM, step="deliver", plans=INDEXED) as uow:
        rows = _hold(uow, claim)
        by_consumer: dict[str, list[Event]] = {}
        for row in rows:
            by_consumer.setdefault(row.consumer, []).append(decode(row))
        for name, events in by_consumer.items():
            runtime.subscriptions.by_name[name].run(uow, events)
        uow.session.flush()
        done = {"clinic": uow.clinic_id, "ids": [row.delivery_id for row in rows]}
        uow.session.execute(_FINISH, done)
        _wake_successors(uow, rows)


def _hold(uow: UnitOfWork, claim: Claim) -> list[Row[Any]]:
    """Lock the claimed deliveries and return them with their events, in order.

    Of those in hand whatever has to wait for an earlier one is let go: whoever does that one rings,
    or the sweep finds it.
    """
    ours = {"clinic": uow.clinic_id, "ids": claim.ids, "token": claim.token}
    rows = uow.session.execute(_IN_HAND if claim.is_in_hand else _CLAIMED, ours).all()
    if len(rows) != len(claim.ids):
        if not claim.is_in_hand:
            raise LeaseLost(DELIVERIES.kind)
        left = set(claim.ids) - {row.delivery_id for row in rows}
        uow.session.execute(_LET_GO, {**ours, "ids": sorted(left)})
    return sorted(rows, key=lambda row: row.seq)


def _wake_successors(uow: UnitOfWork, rows: list[Row[Any]]) -> None:
    """Ring for the deliveries that waited behind the ones just done."""
    values = {
        "clinic": uow.clinic_id,
        "consumers": sorted({row.consumer for row in rows}),
        "keys": sorted({row.order_key for row in rows}),
        "now": uow.now,
        "reserved": uow.reserved_until,
    }
    for delivery_id, queue in uow.session.execute(_WAKE, values):
        uow.ring("deliveries", [delivery_id], queue)


_d = _deliveries.c
_FINISH = delete(_deliveries).where(_d.clinic_id == bindparam("clinic"), given(_d.id))
_CLAIMED = (
    select(_d.id.label("delivery_id"), _d.consumer, _d.seq, *_events.c)
    .join(_events, and_(_events.c.clinic_id == _d.clinic_id, _events.c.id == _d.event_id))
    .where(_d.clinic_id == bindparam("clinic"), given(_d.id))
    .where(_d.lease_token == bindparam("token", type_=Uuid))
    .order_by(_d.id)
    .with_for_update(of=_deliveries)
)
_earlier = _deliveries.alias("earlier")
_IN_HAND = _CLAIMED.where(
    ~exists().where(
        _earlier.c.clinic_id == _d.clinic_id,
        _earlier.c.consumer == _d.consumer,
        _earlier.c.order_key == _d.order_key,
        _earlier.c.seq < _d.seq,
        _earlier.c.dead_at.is_(None),
    )
)
_LET_GO = (
    update(_deliveries)
    .where(_d.clinic_id == bindparam("clinic"), given(_d.id))
    .where(_d.lease_token == bindparam("token", type_=Uuid))
    .values(lease_until=None, lease_token=None)
)
# Any of these consumers with any of these keys: what is rung is due anyway.
_WAKE = (
    update(_deliveries)
    .where(
        _d.clinic_id == bindparam("clinic"),
        given(_d.consumer, "consumers"),
        given(_d.order_key, "keys"),
        _d.lease_token.is_(None),
        _d.due_at <= bindparam("now"),
    )
    .values(lease_until=bindparam("reserved"))
    .returning(_d.id, _d.queue)
)


DELIVERIES = Work(
    "deliveries",
    "deliveries",
    deliver,
    ready=IN_ORDER,
    title=N_("What follows from an event"),
    what="t.consumer",
)
