"""Due work: one way to claim rows, to put them off, to let them die and to retry them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from crm.core.errors import LeaseLost
from crm.core.floors import looking
from crm.core.ids import new_id

if TYPE_CHECKING:
    from crm.core.database import System
    from crm.core.runtime import Runtime
    from crm.core.uow import UnitOfWork


@dataclass(frozen=True)
class Claim:
    """Rows of one clinic that this worker alone may work on until `until`.

    `is_in_hand`: they were written under its token, so nobody has looked whether one may be done.
    """

    clinic_id: UUID
    ids: list[UUID]
    token: UUID
    until: datetime
    is_in_hand: bool = False


@dataclass(frozen=True)
class Work:
    """A kind of waiting work: its table, which of its rows wait, and who does them.

    `run(runtime, claim)` opens its own transactions. If it raises, its items are run one by one,
    and the one that raises gets an attempt, a backoff and its error. `of` says which rows of a
    table that two kinds share are this kind's, dead ones too. `failing(uow, ids)` takes the locks
    that come before these rows' and returns what to write if one of them dies, in that transaction.
    A page shows `title`, marked with `N_`, and what the SQL of `what` and `lead` says of a row.
    """

    kind: str
    table: str
    run: Callable[["Runtime", Claim], None]
    waiting: str = "due_at IS NOT NULL"
    ready: str = "true"
    of: str = "true"
    limit: int = 100
    title: str = ""
    what: str = "NULL"
    lead: str = "NULL"
    failing: Callable[["UnitOfWork", Sequence[UUID]], Callable[[], None]] | None = None


# The locked rows are found again by their place: whatever the planner believes of a table that was
# empty a moment ago, it does not walk through the whole of it for them.
_CLAIM = """
WITH picked AS (
    SELECT t.ctid AS place FROM {table} t
    WHERE {waiting} AND t.due_at <= :now AND {free} AND {ready}
    ORDER BY t.due_at LIMIT :limit FOR UPDATE OF t SKIP LOCKED
)
UPDATE {table} t SET lease_until = :until, lease_token = :token
WHERE t.ctid = ANY(ARRAY(SELECT place FROM picked))
RETURNING t.clinic_id, t.id, t.due_at
"""
_FREE = (
    "t.queue = :queue AND t.due_at >= :floor AND (t.lease_until IS NULL OR t.lease_until <= :now)"
)
_RUNG = "t.id = ANY(:ids) AND (t.lease_token IS NULL OR t.lease_until <= :now)"


def claim(
    system: "System",
    work: Work,
    *,
    lease: timedelta,
    queue: str = "default",
    ids: Sequence[UUID] | None = None,
    limit: int | None = None,
    consumers: Sequence[str] = (),
) -> list[Claim]:
    """Claim due rows, of a ring's ids or whatever is due in a queue, grouped by clinic.

    `FOR UPDATE SKIP LOCKED`: two workers never get the same row. What a ring names is taken
    only if it is due, so a late or repeated ring does nothing early.
    """
    statement = _CLAIM.format(
        table=work.table,
        waiting=work.waiting,
        ready=work.ready,
        free=_FREE if ids is None else _RUNG,
    )
    token = new_id()
    until = system.now + lease
    most = limit or work.limit
    values: dict[str, Any] = {
        "now": system.now,
        "until": until,
        "token": token,
        "limit": most,
        "queue": queue,
        "ids": list(ids or ()),
        "consumers": list(consumers),
    }
    if ids is not None:
        rows = system.session.execute(text(statement), values).all()
    else:
        with looking(system, ("claim", work.kind, queue)) as look:
            rows = system.session.execute(text(statement), {**values, "floor": look.floor}).all()
            look.first_left = max(row.due_at for row in rows) if len(rows) == most else None
    groups: dict[UUID, list[UUID]] = {}
    for row in rows:
        groups.setdefault(row.clinic_id, []).append(row.id)
    return [Claim(clinic_id, sorted(ids), token, until) for clinic_id, ids in groups.items()]


_COUNT = """
SELECT count(*) AS rows, min(due_at) AS first FROM (
    SELECT t.due_at FROM {table} t
    WHERE {waiting} AND t.due_at <= :now AND {free} AND {ready}
    ORDER BY t.due_at LIMIT 5000
) due
"""


def count_due(system: "System", work: Work, queue: str, consumers: Sequence[str] = ()) -> int:
    """Return how many rows of a queue are due and free, looking at 5,000 at most."""
    statement = _COUNT.format(table=work.table, waiting=work.waiting, ready=work.ready, free=_FREE)
    with looking(system, ("count", work.kind, queue)) as look:
        values = {"now": system.now, "consumers": list(consumers), "queue": queue}
        row = system.session.execute(text(statement), {**values, "floor": look.floor}).one()
        look.first_left = row.first
    return int(row.rows)


def assert_held(session: Session, work: Work, claim: Claim, ids: Iterable[UUID]) -> None:
    """Lock the rows that are still held under the claim's token. Raises LeaseLost if one is not."""
    wanted = sorted(set(ids))
    held = session.execute(
        text(
            f"SELECT id FROM {work.table} WHERE clinic_id = :clinic AND id = ANY(:ids)"
            " AND lease_token = :token ORDER BY id FOR UPDATE"
        ),
        {"clinic": claim.clinic_id, "ids": wanted, "token": claim.token},
    ).all()
    if len(held) != len(wanted):
        raise LeaseLost(work.kind)


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts: 2 s doubling, an hour at most."""
    return timedelta(seconds=min(2.0 ** (attempts + 1), 3600.0))


_FAIL = """
UPDATE {table} SET attempts = attempts + 1, last_error = :error,
    lease_until = NULL, lease_token = NULL,
    dead_at = CASE WHEN attempts + 1 >= :most THEN CAST(:now AS timestamptz) END,
    due_at = CASE WHEN attempts + 1 >= :most THEN NULL
        ELSE CAST(:now AS timestamptz) + LEAST(power(2, attempts + 2), 3600) * interval '1 s' END
WHERE clinic_id = :clinic AND id = :id AND lease_token = :token
RETURNING attempts, dead_at IS NOT NULL
"""


def fail(
    session: Session,
    work: Work,
    claim: Claim,
    row_id: UUID,
    *,
    now: datetime,
    error: str,
    most: int,
) -> bool:
    """Count a failed attempt of one row and put it off, or let it die; return whether it died."""
    row = session.execute(
        text(_FAIL.format(table=work.table)),
        {
            "clinic": claim.clinic_id,
            "id": row_id,
            "token": claim.token,
            "now": now,
            "error": error,
            "most": most,
        },
    ).one_or_none()
    return bool(row and row[1])


def release(session: Session, work: Work, claim: Claim) -> None:
    """Give back whatever of a claim is still held, due as before and with no attempt counted."""
    session.execute(
        text(
            f"UPDATE {work.table} SET lease_until = NULL, lease_token = NULL"
            " WHERE clinic_id = :clinic AND id = ANY(:ids) AND lease_token = :token"
        ),
        {"clinic": claim.clinic_id, "ids": claim.ids, "token": claim.token},
    )


def retry(session: Session, work: Work, clinic_id: UUID, row_id: UUID, now: datetime) -> bool:
    """Bring a dead row of a clinic back, due now; return whether there was one."""
    brought = session.execute(
        text(
            f"UPDATE {work.table} t SET dead_at = NULL, due_at = :now, attempts = 0"
            f" WHERE clinic_id = :clinic AND id = :id AND dead_at IS NOT NULL AND {work.of}"
            " RETURNING id"
        ),
        {"clinic": clinic_id, "id": row_id, "now": now},
    ).all()
    return bool(brought)
