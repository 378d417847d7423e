"""What a provider says became of our texts: every word kept, and applied only upwards (TW-22).

A callback that carries the attempt id settles a text whose answer was lost (TW-24). One that knows
no text yet is kept, and matched when the text gets its provider's id (TW-23).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Row
from sqlalchemy.types import Text

from crm.compliance.actions import lock_addresses
from crm.core.bulk import among
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.channels.refusals import action_for
from crm.messaging.models import Communication, ProviderStatus
from crm.messaging.settling.failures import REASONS, Failure, heed
from crm.messaging.settling.once_more import try_once_more, withdraw
from crm.messaging.states import NEEDS_PERSON, NOT_SENT

RANKS: Mapping[str, int] = {
    **{"scheduled": 0, "accepted": 0, "queued": 1, "sending": 2, "sent": 3},
    **{"failed": 4, "undelivered": 4, "canceled": 4, "delivered": 5, "read": 6},
    # Of emails: a mailbox may take one and send it back later.
    **{"dropped": 6, "bounced": 7},
}
_ENDS = {
    **{"failed": "failed", "canceled": "failed", "undelivered": "undelivered"},
    **{
        "delivered": "delivered",
        "read": "delivered",
        "dropped": "failed",
        "bounced": "undelivered",
    },
}
_LOST = ("failed", "undelivered", "dropped", "bounced")
_MAY_GO_AGAIN = ("once_more", "later")

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_stored: Any = ProviderStatus.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class StatusIn:
    """One word of the provider about one text."""

    provider_id: str
    status: str
    error_code: str | None = None
    attempt_id: UUID | None = None


def apply_status(uow: UnitOfWork, status: StatusIn) -> bool:
    """Keep a status and apply it; return whether it was news."""
    return apply_statuses(uow, [status])[0]


def apply_statuses(uow: UnitOfWork, statuses: Sequence[StatusIn]) -> list[bool]:
    """Keep statuses and apply them by rank; return for each whether it was news.

    Copies, late ones and any order give the same text in the end.
    """
    if not statuses:
        return []
    texts = _find(uow, statuses)
    about = [_about(texts, status) for status in statuses]
    lock_addresses(uow, [text.address_id for text in about if text is not None])
    fresh = _keep(uow, statuses, about)
    _apply(
        uow,
        [
            (text.id, status)
            for status, text in zip(statuses, about, strict=True)
            if text is not None
        ],
    )
    return [_key(status) in fresh for status in statuses]


def match_stored(uow: UnitOfWork, provider_ids: Sequence[str]) -> None:
    """Apply the statuses that came before we knew these provider ids; addresses are locked."""
    if not provider_ids:
        return
    early = uow.session.execute(_EARLY, {"clinic": uow.clinic_id, "ids": list(provider_ids)}).all()
    if not early:
        return
    statuses = [StatusIn(row.provider_id, row.status, row.error_code or None) for row in early]
    texts = _find(uow, statuses)
    pairs = [(text.id, each) for each in statuses if (text := _about(texts, each)) is not None]
    uow.session.execute(
        update(_stored)
        .where(
            _stored.c.clinic_id == uow.clinic_id,
            among(_stored.c.provider_id, list(provider_ids)),
            _texts.c.clinic_id == _stored.c.clinic_id,
            _texts.c.provider_id == _stored.c.provider_id,
        )
        .values(communication_id=_texts.c.id)
    )
    _apply(uow, pairs)


def _early() -> Any:
    columns = _stored.c
    return select(columns.provider_id, columns.status, columns.error_code).where(
        columns.clinic_id == bindparam("clinic"),
        columns.provider_id == any_(bindparam("ids", type_=ARRAY(Text))),
        columns.communication_id.is_(None),
    )


_EARLY = _early()


def _find(uow: UnitOfWork, statuses: Sequence[StatusIn]) -> list[Row[Any]]:
    """Return the texts that these statuses may be about, not locked yet."""
    columns = _texts.c
    attempts = [status.attempt_id for status in statuses if status.attempt_id is not None]
    known = [status.provider_id for status in statuses]
    return list(
        uow.session.execute(
            select(columns.id, columns.address_id, columns.attempt_id, columns.provider_id).where(
                columns.clinic_id == uow.clinic_id,
                columns.direction == "out",
                or_(among(columns.attempt_id, attempts), among(columns.provider_id, known)),
            )
        )
    )


def _about(texts: Sequence[Row[Any]], status: StatusIn) -> Row[Any] | None:
    """Return the text that a status is about: by the provider's id, else by our attempt's."""
    by_id = (text for text in texts if text.provider_id == status.provider_id)
    by_attempt = (
        text
        for text in texts
        if status.attempt_id is not None
        and text.attempt_id == status.attempt_id
        and text.provider_id is None
    )
    return next(by_id, None) or next(by_attempt, None)


def _key(status: StatusIn) -> tuple[str, str, str]:
    return status.provider_id, status.status, status.error_code or ""


def _keep(
    uow: UnitOfWork, statuses: Sequence[StatusIn], about: Sequence[Row[Any] | None]
) -> set[tuple[str, str, str]]:
    """Append statuses to the history; return the keys of those that were not there (TW-23)."""
    rows = {
        _key(status): {
            "clinic_id": uow.clinic_id,
            "id": new_id(),
            "provider_id": status.provider_id,
            "status": status.status,
            "error_code": status.error_code or "",
            "attempt_id": status.attempt_id,
            "communication_id": text.id if text is not None else None,
            "at": uow.now,
        }
        for status, text in zip(statuses, about, strict=True)
    }
    columns = _stored.c
    written = uow.session.execute(
        insert(_stored)
        .on_conflict_do_nothing(index_elements=["clinic_id", "provider_id", "status", "error_code"])
        .returning(columns.provider_id, columns.status, columns.error_code),
        # In key order: two batches with the same copies wait for each other, never in a ring.
        [rows[key] for key in sorted(rows)],
    )
    return {(row.provider_id, row.status, row.error_code) for row in written}


def _apply(uow: UnitOfWork, pairs: Sequence[tuple[UUID, StatusIn]]) -> None:
    """Apply statuses to their texts, whose addresses are locked."""
    if not pairs:
        return
    by_text: dict[UUID, list[StatusIn]] = defaultdict(list)
    for text_id, status in pairs:
        by_text[text_id].append(status)
    columns = _texts.c
    locked: Sequence[Any] = uow.session.execute(
        select(
            *(columns.id, columns.address_id, columns.status, columns.reason, columns.resends),
            *(columns.attempt_id, columns.provider_id, columns.provider_status),
            *(columns.error_code, columns.contact_id, columns.lead_id, columns.channel),
        )
        .where(columns.clinic_id == uow.clinic_id, among(columns.id, list(by_text)))
        .order_by(columns.id)
        .with_for_update()
    ).all()
    changes = [change for row in locked if (change := _change(row, by_text[row.id])) is not None]
    was = {row.id: row for row in locked}
    told = writes.run(uow, writes.APPLY, changes)
    telling.tell_settled(uow, [row for row in told if _is_open(was[row.id])])
    telling.tell_staff_texts(uow, [row for row in told if not _is_open(was[row.id])])
    known = [(was[row.id], row) for row in told]
    telling.tell_delivery(uow, [row for before, row in known if _is_news(before, row)])
    tried = _follow_up(uow, known)
    lost = [row for before, row in known if _is_lost(before, row)]
    telling.tell_failed(uow, [row for row in lost if row.id not in tried])


def _is_news(before: Row[Any], row: Row[Any]) -> bool:
    """Whether the provider says now what became of a text."""
    return row.status in ("delivered", "undelivered", "failed") and row.status != before.status


def _is_lost(before: Row[Any], row: Row[Any]) -> bool:
    """Whether nobody has been told yet that a text did not arrive."""
    has_been_told = before.status == "undelivered" or before.reason == NOT_SENT
    return row.status in ("undelivered", "failed") and not has_been_told


def _follow_up(uow: UnitOfWork, pairs: Sequence[tuple[Row[Any], Row[Any]]]) -> set[UUID]:
    """Heed what failed; try once more what may be, and not what arrived after all (TW-44).

    Returns which texts are tried once more.
    """
    failures = [
        Failure(row.id, row.address_id, row.error_code, action_for(row.error_code), was.channel)
        for was, row in pairs
        if row.error_code
    ]
    heed(uow, failures)
    tried = try_once_more(uow, [each.text_id for each in failures if each.action in _MAY_GO_AGAIN])
    withdraw(
        uow,
        [
            row.id
            for before, row in pairs
            if row.status == "delivered" and before.status in ("undelivered", "failed")
        ],
    )
    return tried


def _is_open(row: Row[Any]) -> bool:
    """Whether nobody knew yet what became of the text; one queued once more counts (TW-45)."""
    return row.status in ("sending", "unconfirmed") or (row.status == "queued" and row.resends > 0)


def _change(row: Row[Any], statuses: Sequence[StatusIn]) -> dict[str, Any] | None:
    """Return what the highest of the statuses makes of a text, None if it says nothing new."""
    is_late = row.status == "failed" and row.reason in (NEEDS_PERSON, NOT_SENT)
    if not (_is_open(row) or is_late or row.status in ("sent", "delivered", "undelivered")):
        return None
    # Whatever the provider says of a text that is open proves that it has it (TW-24).
    lowest = -1 if _is_open(row) else None
    ranked = [status for status in statuses if RANKS.get(status.status, lowest) is not None]
    if not ranked:
        return None
    best = max(ranked, key=lambda status: RANKS.get(status.status, -1))
    is_known = row.provider_status is not None and not _is_open(row)
    if is_known and RANKS[best.status] <= RANKS.get(row.provider_status, -1):
        return None
    code = best.error_code if best.status in _LOST else None
    return {
        "id": row.id,
        "status": _ENDS.get(best.status, "sent"),
        "provider": best.provider_id,
        "provider_status": best.status if best.status in RANKS else None,
        "code": code,
        "reason": _reason(code),
    }


def _reason(code: str | None) -> str | None:
    """Return why it failed; of a code that is not known nobody can say more than the code."""
    action = action_for(code) if code else "final"
    return None if action == "final" else REASONS[action]
