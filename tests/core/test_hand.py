"""What a worker writes and keeps in hand: done at once, in order, and nobody's loss if it dies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import text

from crm.core.events import Event, Subscriptions, consumes
from crm.core.hand import FEW, MOST_ROUNDS, in_hand
from crm.core.ids import new_id
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import SilentDoorbell, UnitOfWork
from tests.conftest import Drain


class Counted(Event):
    """A fact that leads to others for these tests."""

    name = "test.counted"

    number: int


@dataclass
class Counter:
    """A consumer that answers each number but the last with so many of the next."""

    last: int = 3
    each: int = 1
    key: UUID | None = None
    seen: list[int] = field(default_factory=list)
    fails_on: set[int] = field(default_factory=set)

    def __call__(self, uow: UnitOfWork, events: Sequence[Counted]) -> None:
        if self.fails_on & {event.number for event in events}:
            raise RuntimeError("told to")
        self.seen.extend(event.number for event in events)
        uow.emit(
            Counted(order_key=self.key or new_id(), number=event.number + 1)
            for event in events
            for _ in range(self.each)
            if event.number < self.last
        )


class Rung(SilentDoorbell):
    """A doorbell that remembers how many rows it was rung for."""

    def __init__(self) -> None:
        self.rows = 0

    def ring(self, kind: str, ids: Sequence[UUID], queue: str) -> None:
        self.rows += len(ids)


@pytest.fixture
def counter(runtime: Runtime) -> Counter:
    made = Counter()
    subscriptions = Subscriptions([consumes(Counted, name="test.counter")(made)])
    runtime.subscriptions = runtime.database.subscriptions = subscriptions
    return made


@pytest.fixture
def rung(runtime: Runtime) -> Rung:
    runtime.database.doorbell = made = Rung()
    return made


def begin(runtime: Runtime, clinic: UUID, key: UUID | None = None, number: int = 1) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.emit(Counted(order_key=key or new_id(), number=number))


def work(runtime: Runtime, queue: str = "default") -> None:
    """Let a worker of a queue take one chunk of what is due."""
    runtime.clock.advance(seconds=6)
    with in_hand(queue, runtime.settings.lease):
        claim_and_perform(runtime, "deliveries")


def waiting(runtime: Runtime) -> list[bool]:
    """Return for each delivery that waits whether somebody holds it."""
    with runtime.database.system() as system:
        return list(
            system.session.scalars(
                text("SELECT lease_token IS NOT NULL FROM deliveries ORDER BY seq")
            )
        )


def test_what_follows_from_an_event_is_done_at_once_and_nobody_is_rung(
    runtime: Runtime, clinic: UUID, counter: Counter, rung: Rung
) -> None:
    begin(runtime, clinic)
    assert rung.rows == 1
    work(runtime)
    assert (counter.seen, waiting(runtime), rung.rows) == ([1, 2, 3], [], 1)


def test_outside_of_a_worker_a_ring_tells_of_it(
    runtime: Runtime, clinic: UUID, counter: Counter, rung: Rung
) -> None:
    begin(runtime, clinic)
    runtime.clock.advance(seconds=6)
    claim_and_perform(runtime, "deliveries")
    assert (counter.seen, waiting(runtime), rung.rows) == ([1], [False], 2)


def test_many_are_shared_and_another_queues_are_left_to_it(
    runtime: Runtime, clinic: UUID, counter: Counter, rung: Rung
) -> None:
    counter.each = FEW + 1
    begin(runtime, clinic)
    work(runtime)
    assert (counter.seen, rung.rows) == ([1], 1 + FEW + 1)
    counter.each = 1
    begin(runtime, clinic)
    work(runtime, queue="bulk")
    assert sum(waiting(runtime)) == 0


def test_what_goes_on_and_on_lets_others_have_their_turn(
    runtime: Runtime, clinic: UUID, counter: Counter, rung: Rung
) -> None:
    counter.last = 12
    begin(runtime, clinic)
    work(runtime)
    assert counter.seen == list(range(1, 1 + MOST_ROUNDS + 1))
    assert (waiting(runtime), rung.rows) == ([False], 2)
    work(runtime)
    assert counter.seen == list(range(1, 13))


def test_what_is_in_hand_waits_for_an_earlier_one_of_its_key(
    runtime: Runtime, clinic: UUID, counter: Counter, drain: Drain
) -> None:
    counter.key, counter.fails_on = new_id(), {7}
    begin(runtime, clinic, key=counter.key, number=7)
    work(runtime)
    begin(runtime, clinic)
    work(runtime)
    assert counter.seen == [1]
    assert waiting(runtime) == [False, False]
    counter.fails_on = set()
    runtime.clock.advance(seconds=30)
    drain()
    assert counter.seen == [1, 7, 2, 3]


def test_what_fails_in_hand_is_tried_again_like_any_other(
    runtime: Runtime, clinic: UUID, counter: Counter, drain: Drain
) -> None:
    counter.fails_on = {2}
    begin(runtime, clinic)
    work(runtime)
    assert (counter.seen, waiting(runtime)) == ([1], [False])
    counter.fails_on = set()
    runtime.clock.advance(seconds=30)
    drain()
    assert counter.seen == [1, 2, 3]


def test_whoever_dies_with_it_in_hand_loses_nothing(
    runtime: Runtime, clinic: UUID, counter: Counter, drain: Drain
) -> None:
    with in_hand("default", runtime.settings.lease):
        begin(runtime, clinic)
    assert waiting(runtime) == [True]
    drain()
    assert counter.seen == []
    runtime.clock.advance(seconds=runtime.settings.lease.total_seconds())
    drain()
    assert counter.seen == [1, 2, 3]
