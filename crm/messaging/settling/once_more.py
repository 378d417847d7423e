"""The second try of a text that a carrier could not bring: one, an hour later, past the gate.

It is a text of its own, which names the first: what was done and said of either stays on record.
Its key holds the first one's id, so copies of a status, in any order, queue one second try.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.engine import Row

from crm.core.bulk import among, insert_rows
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication

DELAY = timedelta(hours=1)
"""How long a phone that was off is left alone, at least (TW-44)."""

LATEST = timedelta(hours=24)
"""How long after its call a failure still leads to a second try; later, nobody waits for it."""

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_SAME = (
    *("channel", "message_class", "address_id", "conversation_id", "contact_id", "lead_id"),
    *("origin_kind", "origin_id", "template_version_id", "useful_until", "sender_id", "cause"),
    *("queue", "language"),
)


def try_once_more(uow: UnitOfWork, text_ids: Sequence[UUID]) -> set[UUID]:
    """Queue a second try of these texts, except of what is one itself or would come too late.

    The gate decides anew when it is due: hours, STOP, consent, caps, the sequence it belongs to.
    Returns which of them have one.
    """
    tried = _worth_it(uow, text_ids) if text_ids else []
    insert_rows(uow.session, _texts, [_again(uow, row) for row in tried], skip_known=True)
    return {row.id for row in tried}


def withdraw(uow: UnitOfWork, text_ids: Sequence[UUID]) -> None:
    """Void the second tries of texts that arrived after all; what left already is left alone."""
    if not text_ids:
        return
    columns = _texts.c
    free = {"held_reason": None, "due_at": None, "lease_until": None, "lease_token": None}
    uow.session.execute(
        update(_texts)
        .where(
            columns.clinic_id == uow.clinic_id,
            among(columns.dedupe_key, [_key(text_id) for text_id in text_ids]),
            columns.status == "queued",
        )
        .values(status="voided", reason="arrived_after_all", settled_at=uow.now, **free)
    )


def _worth_it(uow: UnitOfWork, text_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    columns = _texts.c
    names = ("id", *_SAME, "body", "merge_values")
    return uow.session.execute(
        select(*(columns[name] for name in names)).where(
            columns.clinic_id == uow.clinic_id,
            among(columns.id, list(text_ids)),
            columns.retry_of.is_(None),
            columns.taken_at > uow.now - LATEST,
            or_(columns.useful_until.is_(None), columns.useful_until > uow.now + DELAY),
        )
    ).all()


def _again(uow: UnitOfWork, row: Row[Any]) -> dict[str, Any]:
    row_id = new_id()

    def sealed_anew(token: str | None) -> str | None:
        return None if token is None else uow.encrypt(row_id, uow.decrypt(row.id, token))

    return {
        **{name: getattr(row, name) for name in _SAME},
        **{"clinic_id": uow.clinic_id, "id": row_id, "retry_of": row.id},
        **{"direction": "out", "status": "queued", "held_reason": "once_more"},
        **{"dedupe_key": _key(row.id), "body": sealed_anew(row.body)},
        **{"merge_values": sealed_anew(row.merge_values), "gate": {}},
        **{"created_at": uow.now, "due_at": uow.now + DELAY},
        **{"attempts": 0, "resends": 0, "asked": 0},
    }


def _key(text_id: UUID) -> str:
    return f"once_more:{text_id}"
