"""The inbox of webhooks: what was signed is kept, raw and encrypted, before anything is done."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from webhooks.models import WebhookEvent

LONGEST_ID = 200

_events: Any = WebhookEvent.__table__  # type: ignore[attr-defined]


def keep(uow: UnitOfWork, *, provider: str, kind: str, external_id: str, raw: bytes) -> UUID | None:
    """Store a call; return its row's id, or None for a copy of one that is stored (TW-11).

    A copy that comes while the first is still being applied waits here for its commit. Without an
    id of the provider's, the same bytes are the same call.
    """
    row_id = new_id()
    digest = sha256(raw).hexdigest()
    key = external_id if 0 < len(external_id) <= LONGEST_ID else f"sha256:{digest}"
    kept: UUID | None = uow.session.execute(
        insert(_events)
        .values(
            clinic_id=uow.clinic_id,
            id=row_id,
            provider=provider,
            kind=kind,
            external_id=key.replace("\x00", ""),
            # Latin-1 holds every byte as it is: `.encode("latin-1")` gives the body back.
            body=uow.encrypt(row_id, raw.decode("latin-1")),
            outcome="stored",
            received_at=uow.now,
        )
        .on_conflict_do_nothing(index_elements=["clinic_id", "provider", "kind", "external_id"])
        .returning(_events.c.id)
    ).scalar_one_or_none()
    return kept


def conclude(uow: UnitOfWork, event_id: UUID, outcome: str, ref_id: UUID | None = None) -> None:
    """Write what became of a stored call: applied, kept, unmatched or failed."""
    uow.session.execute(
        update(_events)
        .where(_events.c.clinic_id == uow.clinic_id, _events.c.id == event_id)
        .values(outcome=outcome, ref_id=ref_id)
    )
