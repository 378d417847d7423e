"""Board totals, kept by the write path: aggregated, and written last, in stage order."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm.core.bulk import as_rows, insert_given
from crm.core.uow import UnitOfWork
from pipelines.models import StageCounter

_KEY = "stage_counters"

_counters: Any = StageCounter.__table__  # type: ignore[attr-defined]
_given = insert_given(_counters, ("clinic_id", "id", "leads", "value_cents"))
_ADD = _given.on_conflict_do_update(
    index_elements=["clinic_id", "id"],
    set_={name: _counters.c[name] + _given.excluded[name] for name in ("leads", "value_cents")},
)


@dataclass
class Deltas:
    """What a transaction changes in the counters of stages: leads and cents."""

    leads: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    value_cents: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))

    def write(self, uow: UnitOfWork) -> None:
        """Add the deltas in one statement, rows in stage order, so that two never deadlock."""
        rows = [
            {
                "clinic_id": uow.clinic_id,
                "id": stage_id,
                "leads": self.leads[stage_id],
                "value_cents": self.value_cents[stage_id],
            }
            for stage_id in sorted(self.leads)
            if self.leads[stage_id] or self.value_cents[stage_id]
        ]
        if rows:
            uow.session.execute(_ADD, as_rows(rows))


def count(uow: UnitOfWork, stage_id: UUID, leads: int, value_cents: int) -> None:
    """Add leads and cents to a stage's counter at the end of the transaction."""
    deltas = uow.last.setdefault(_KEY, Deltas())
    assert isinstance(deltas, Deltas)
    deltas.leads[stage_id] += leads
    deltas.value_cents[stage_id] += value_cents


def pending(uow: UnitOfWork, stage_id: UUID) -> tuple[int, int]:
    """Return the leads and cents that this transaction adds to a stage when it ends."""
    deltas = uow.last.get(_KEY, Deltas())
    assert isinstance(deltas, Deltas)
    return deltas.leads.get(stage_id, 0), deltas.value_cents.get(stage_id, 0)
