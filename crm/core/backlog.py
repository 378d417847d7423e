"""What waits, what is late and what is dead: for the health page, the metrics and a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from crm.core.work import Work

if TYPE_CHECKING:
    from crm.core.database import System

LATE = timedelta(minutes=2)


@dataclass(frozen=True)
class Depth:
    """How much of a kind waits, is due and is dead, and how many seconds the oldest due is late."""

    kind: str
    waiting: int
    due: int
    dead: int
    age_seconds: float


@dataclass(frozen=True)
class Stuck:
    """A row that is dead, or late for longer than `LATE`, and why; what and whose, if known."""

    work: Work
    id: UUID
    due_at: datetime | None
    dead_at: datetime | None
    attempts: int
    error: str | None
    what: str | None
    lead_id: UUID | None


def depths(system: "System", works: Iterable[Work]) -> list[Depth]:
    """Return the depth of every kind of work, over all clinics."""
    found = []
    for work in works:
        row = system.session.execute(
            text(
                "SELECT count(*) FILTER (WHERE dead_at IS NULL) AS waiting,"
                " count(*) FILTER (WHERE due_at <= :now AND dead_at IS NULL) AS due,"
                " count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,"
                " COALESCE(EXTRACT(epoch FROM CAST(:now AS timestamptz)"
                " - min(due_at) FILTER (WHERE due_at <= :now)), 0) AS age"
                f" FROM {work.table} t WHERE ({work.waiting})"
                f" OR (dead_at IS NOT NULL AND {work.of})"
            ),
            {"now": system.now},
        ).one()
        found.append(Depth(work.kind, row.waiting, row.due, row.dead, float(row.age)))
    return found


def stuck(
    session: Session, works: Iterable[Work], clinic_id: UUID, now: datetime, limit: int = 50
) -> list[Stuck]:
    """Return what is dead or late in a clinic, the dead first."""
    kinds = {work.kind: work for work in works}
    rows = session.execute(
        text(" UNION ALL ".join(f"({_stuck(work)})" for work in kinds.values())),
        {"clinic": clinic_id, "late": now - LATE, "now": now, "limit": limit},
    )
    return [Stuck(kinds[kind], *row) for kind, *row in rows]


def _stuck(work: Work) -> str:
    return (
        f"SELECT '{work.kind}' AS kind, id, due_at, dead_at, attempts, last_error,"
        f" CAST({work.what} AS text) AS what, CAST({work.lead} AS uuid) AS lead_id"
        f" FROM {work.table} t WHERE clinic_id = :clinic AND ("
        f"(dead_at IS NOT NULL AND {work.of})"
        f" OR (({work.waiting}) AND due_at <= :late"
        " AND (lease_until IS NULL OR lease_until <= :now)))"
        " ORDER BY dead_at NULLS LAST, due_at LIMIT :limit"
    )
