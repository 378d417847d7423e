"""A process that remembers where due rows begin misses none of them."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from crm.core import floors, work
from crm.core.events import Delivery
from crm.core.floors import BOTTOM, LEAST_SECONDS, MARGIN, MOST_SECONDS, SHARE, Floors, Look
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.work import Claim, Work

KEY = ("claim", "test", "default")
LONG_AGO = timedelta(days=3)


def untouched(runtime: Runtime, claim: Claim) -> None:
    raise AssertionError("nothing is done here, only claimed")


WORK = Work("test", "deliveries", untouched)


class Stopwatch:
    """Stands in for the monotonic clock."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(floors, "monotonic", watch)
    return watch


@pytest.fixture
def remembering(runtime: Runtime, stopwatch: Stopwatch) -> Runtime:
    """The runtime as a worker has it."""
    runtime.database.floors = Floors()
    return runtime


@pytest.fixture
def now(runtime: Runtime) -> datetime:
    with runtime.database.system() as system:
        return system.now


def add(runtime: Runtime, clinic: UUID, *ages: timedelta, queue: str = "default") -> list[UUID]:
    """Add rows that have been due for so long; return their ids."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        rows = [
            Delivery(
                clinic_id=clinic,
                consumer="test",
                event_id=new_id(),
                order_key=new_id(),
                seq=number,
                due_at=uow.now - age,
                queue=queue,
            ).model_dump()
            for number, age in enumerate(ages)
        ]
        uow.insert(Delivery, rows)
    return [row["id"] for row in rows]


def claim(
    runtime: Runtime, *, limit: int = 100, queue: str = "default", ids: list[UUID] | None = None
) -> list[UUID]:
    lease = timedelta(minutes=1)
    with runtime.database.system() as system:
        claims = work.claim(system, WORK, lease=lease, queue=queue, ids=ids, limit=limit)
    return [row_id for one in claims for row_id in one.ids]


def count(runtime: Runtime, queue: str = "default") -> int:
    with runtime.database.system() as system:
        return work.count_due(system, WORK, queue)


def test_what_comes_to_be_due_below_the_floor_is_found_within_a_second(
    remembering: Runtime, clinic: UUID, stopwatch: Stopwatch
) -> None:
    assert claim(remembering) == []
    assert count(remembering) == 0
    [late] = add(remembering, clinic, LONG_AGO)
    assert (claim(remembering), count(remembering)) == ([], 0)
    stopwatch.seconds += LEAST_SECONDS
    assert count(remembering) == 1
    assert claim(remembering) == [late]


def test_a_lease_that_ends_below_the_floor_is_claimed_again(
    remembering: Runtime, clinic: UUID, stopwatch: Stopwatch
) -> None:
    [row_id] = add(remembering, clinic, LONG_AGO)
    assert claim(remembering) == [row_id]
    remembering.clock.advance(minutes=2)
    stopwatch.seconds += LEAST_SECONDS
    assert claim(remembering) == [row_id]


def test_what_a_full_chunk_left_is_next(remembering: Runtime, clinic: UUID) -> None:
    added = add(remembering, clinic, *(LONG_AGO + timedelta(hours=n) for n in range(5)))
    found = [claim(remembering, limit=2) for _ in range(4)]
    assert [len(chunk) for chunk in found] == [2, 2, 1, 0]
    assert sorted(row_id for chunk in found for row_id in chunk) == sorted(added)


def test_rows_due_at_one_instant_are_all_found(remembering: Runtime, clinic: UUID) -> None:
    added = add(remembering, clinic, *[LONG_AGO] * 5)
    found = [row_id for _ in range(3) for row_id in claim(remembering, limit=2)]
    assert sorted(found) == sorted(added)


def test_a_row_committed_late_is_above_the_floor(remembering: Runtime, clinic: UUID) -> None:
    assert claim(remembering) == []
    [fresh] = add(remembering, clinic, MARGIN - timedelta(seconds=1))
    assert count(remembering) == 1
    assert claim(remembering) == [fresh]


def test_a_ring_knows_no_floor(remembering: Runtime, clinic: UUID) -> None:
    assert claim(remembering) == []
    added = add(remembering, clinic, LONG_AGO)
    assert claim(remembering, ids=added) == added


def test_queues_have_floors_of_their_own(remembering: Runtime, clinic: UUID) -> None:
    assert claim(remembering, queue="urgent") == []
    [bulk] = add(remembering, clinic, LONG_AGO, queue="bulk")
    assert (count(remembering, "urgent"), count(remembering, "bulk")) == (0, 1)
    assert claim(remembering, queue="bulk") == [bulk]


def test_a_clock_set_back_hides_nothing_for_long(
    remembering: Runtime, clinic: UUID, stopwatch: Stopwatch
) -> None:
    assert claim(remembering) == []
    remembering.clock.advance(hours=-2)
    [row_id] = add(remembering, clinic, timedelta(minutes=1))
    stopwatch.seconds += LEAST_SECONDS
    assert claim(remembering) == [row_id]


def test_without_floors_every_look_begins_at_the_bottom(runtime: Runtime, clinic: UUID) -> None:
    assert claim(runtime) == []
    assert claim(runtime, ids=[]) == []
    added = add(runtime, clinic, LONG_AGO)
    assert claim(runtime) == added


def test_slow_looks_from_the_bottom_are_rare(stopwatch: Stopwatch, now: datetime) -> None:
    known = Floors()
    known.learn(KEY, Look(known.of(KEY)), now, seconds=0.4)
    stopwatch.seconds += SHARE * 0.4 - 1
    assert known.of(KEY) == now - MARGIN
    # A quick look above the floor raises it, and does not put the next look from the bottom off.
    known.learn(KEY, Look(known.of(KEY)), now + timedelta(minutes=1), seconds=0)
    assert known.of(KEY) == now + timedelta(minutes=1) - MARGIN
    stopwatch.seconds += 1
    assert known.of(KEY) == BOTTOM


def test_a_look_that_took_an_age_keeps_nothing_waiting(stopwatch: Stopwatch, now: datetime) -> None:
    known = Floors()
    known.learn(KEY, Look(known.of(KEY)), now, seconds=60)
    stopwatch.seconds += MOST_SECONDS
    assert known.of(KEY) == BOTTOM


def test_a_floor_never_sinks(stopwatch: Stopwatch, now: datetime) -> None:
    known = Floors()
    known.learn(KEY, Look(BOTTOM), now, seconds=0)
    look = Look(known.of(KEY), first_left=now - LONG_AGO)
    known.learn(KEY, look, now, seconds=0)
    assert known.of(KEY) == now - MARGIN


def test_a_ring_for_nothing_rings_nobody(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.ring("test", [])
    assert uow.rings == {}
