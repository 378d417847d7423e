"""The inbox of webhooks: what was signed is kept, raw and encrypted, before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Row

from crm.core.bulk import among, insert_rows
from crm.core.errors import NotFound
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.core.work import backoff
from crm.privacy.actions import audit
from webhooks.models import WebhookEvent

LONGEST_ID = 200

UNMATCHED = "unmatched"
"""What became of a call that names nothing of the clinic's; a person may bring it back (TW-14)."""

DISMISSED = "dismissed"
"""What became of a call that a person looked at and let be."""

_events: Any = WebhookEvent.__table__  # type: ignore[attr-defined]


def keep(
    uow: UnitOfWork, *, provider: str, kind: str, external_id: str, query: str, raw: bytes
) -> UUID | None:
    """Store a call; return its row's id, or None for a copy of one that is stored (TW-11).

    A copy that comes while the first is still being applied waits here for its commit. Without an
    id of the provider's, the same bytes are the same call.
    """
    kept: UUID | None = uow.session.execute(
        insert(_events)
        .values(_row(uow, provider, kind, Call(external_id, raw), query))
        .on_conflict_do_nothing(index_elements=["clinic_id", "provider", "kind", "external_id"])
        .returning(_events.c.id)
    ).scalar_one_or_none()
    return kept


@dataclass(frozen=True)
class Call:
    """What a provider told, by its own id of it; without one, the same bytes are the same call."""

    external_id: str
    raw: bytes


def keep_for_worker(uow: UnitOfWork, provider: str, kind: str, calls: Sequence[Call]) -> None:
    """Store many calls with one statement; a worker applies those that were not stored before."""
    rows = [_row(uow, provider, kind, call) for call in calls]
    due = {"due_at": uow.now, "lease_until": uow.reserved_until}
    # In key order: two batches with the same copies wait for each other, never in a ring.
    rows = sorted(({**row, **due} for row in rows), key=lambda row: str(row["external_id"]))
    fresh = insert_rows(uow.session, _events, rows, skip_known=True, returning=("id",))
    uow.ring("webhooks", [row.id for row in fresh])


def _row(uow: UnitOfWork, provider: str, kind: str, call: Call, query: str = "") -> dict[str, Any]:
    row_id = new_id()
    is_id = 0 < len(call.external_id) <= LONGEST_ID
    key = call.external_id if is_id else f"sha256:{sha256(call.raw).hexdigest()}"
    return {
        "clinic_id": uow.clinic_id,
        "id": row_id,
        "provider": provider,
        "kind": kind,
        "external_id": key.replace("\x00", ""),
        "query": query,
        # Latin-1 holds every byte as it is: `.encode("latin-1")` gives the body back.
        "body": uow.encrypt(row_id, call.raw.decode("latin-1")),
        "outcome": "stored",
        "received_at": uow.now,
        "attempts": 0,
        "queue": "default",
    }


def kept(uow: UnitOfWork, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Return stored calls in the order in which they came."""
    mine = (_events.c.clinic_id == uow.clinic_id, among(_events.c.id, list(ids)))
    return uow.session.execute(select(_events).where(*mine).order_by(_events.c.id)).all()


def raw_of(uow: UnitOfWork, row: Row[Any]) -> bytes:
    """Return the body of a stored call, byte for byte."""
    return uow.decrypt(row.id, row.body).encode("latin-1")


def conclude(uow: UnitOfWork, event_id: UUID, outcome: str, ref_id: UUID | None = None) -> None:
    """Write what became of a stored call: applied, kept or unmatched."""
    is_unmatched = outcome == UNMATCHED
    _write(
        uow,
        event_id,
        outcome=outcome,
        ref_id=ref_id,
        due_at=None,
        dead_at=uow.now if is_unmatched else None,
        last_error=UNMATCHED if is_unmatched else None,
    )


def conclude_all(uow: UnitOfWork, event_ids: Sequence[UUID], outcome: str) -> None:
    """Write the same of many stored calls."""
    uow.session.execute(
        update(_events)
        .where(_events.c.clinic_id == uow.clinic_id, among(_events.c.id, list(event_ids)))
        .values(outcome=outcome, due_at=None, last_error=None, lease_until=None, lease_token=None)
    )


def put_off(uow: UnitOfWork, event_id: UUID, error: str) -> None:
    """Let a stored call that could not be applied be tried again, by a worker and soon."""
    due_at = uow.now + backoff(1)
    _write(uow, event_id, outcome="failed", attempts=1, last_error=error, due_at=due_at)


def dismiss(uow: UnitOfWork, event_id: UUID) -> None:
    """Let a call that matches nothing of ours rest for good: it is kept, and no page shows it.

    One that failed for another cause may be a patient's STOP, and is to be tried until it is
    applied. Raises NotFound where no such call is dead, which the second of two presses sees.
    """
    dismissed = uow.session.execute(
        update(_events)
        .where(
            _events.c.clinic_id == uow.clinic_id,
            _events.c.id == event_id,
            _events.c.dead_at.is_not(None),
            _events.c.outcome == UNMATCHED,
        )
        .values(outcome=DISMISSED, dead_at=None)
        .returning(_events.c.id)
    ).first()
    if dismissed is None:
        raise NotFound("there is no such failed work any more")
    audit(uow, "work.dismissed", "webhooks", event_id)


def _write(uow: UnitOfWork, event_id: UUID, **values: Any) -> None:
    uow.session.execute(
        update(_events)
        .where(_events.c.clinic_id == uow.clinic_id, _events.c.id == event_id)
        .values(**values, lease_until=None, lease_token=None)
    )
