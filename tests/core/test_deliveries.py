"""Events reach their consumers once, in order, whatever fails on the way."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import text

from crm.core import work
from crm.core.deliveries import DELIVERIES, deliver
from crm.core.errors import LeaseLost
from crm.core.events import Event, Subscriptions, consumes
from crm.core.ids import new_id
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from tests.conftest import Drain


class Happened(Event):
    """A fact for these tests."""

    name = "test.happened"

    number: int


@dataclass
class Log:
    """A consumer that remembers, and can be told to fail."""

    seen: list[int] = field(default_factory=list)
    fails_on: set[int] = field(default_factory=set)

    def __call__(self, uow: UnitOfWork, events: Sequence[Happened]) -> None:
        for event in events:
            if event.number in self.fails_on:
                raise RuntimeError("told to")
        self.seen.extend(event.number for event in events)


@pytest.fixture
def log(runtime: Runtime) -> Log:
    heard = Log()
    subscriptions = Subscriptions([consumes(Happened, name="test.log")(heard)])
    runtime.subscriptions = runtime.database.subscriptions = subscriptions
    return heard


def emit(runtime: Runtime, clinic: UUID, key: UUID, *numbers: int) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.emit(Happened(order_key=key, number=number) for number in numbers)


def waiting(runtime: Runtime) -> list[tuple[int, bool, str | None]]:
    with runtime.database.system() as system:
        rows = system.session.execute(
            text("SELECT attempts, dead_at IS NOT NULL, last_error FROM deliveries ORDER BY seq")
        )
        return [(row[0], row[1], row[2]) for row in rows]


def test_an_event_is_delivered_once(runtime: Runtime, clinic: UUID, log: Log, drain: Drain) -> None:
    emit(runtime, clinic, new_id(), 1)
    drain()
    drain()
    assert log.seen == [1]
    assert waiting(runtime) == []


def test_a_rolled_back_transaction_leaves_no_event(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    with (
        contextlib.suppress(ZeroDivisionError),
        runtime.database.transaction(clinic, SYSTEM) as uow,
    ):
        uow.emit(Happened(order_key=new_id(), number=1))
        raise ZeroDivisionError
    drain()
    assert log.seen == []


def test_events_of_one_key_stay_in_order(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    key = new_id()
    for number in range(5):
        emit(runtime, clinic, key, number)
    drain()
    assert log.seen == [0, 1, 2, 3, 4]


def test_a_failing_event_holds_its_key_but_no_other(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    key = new_id()
    log.fails_on = {1}
    emit(runtime, clinic, key, 1, 2)
    emit(runtime, clinic, new_id(), 3)
    runtime.clock.advance(seconds=6)
    claim_and_perform(runtime, "deliveries")
    assert log.seen == [3]
    assert [attempts for attempts, _, _ in waiting(runtime)] == [1, 0]
    log.fails_on = set()
    runtime.clock.advance(seconds=10)
    drain()
    assert log.seen == [3, 1, 2]


def test_after_its_attempts_an_event_is_dead_with_its_cause_and_holds_no_more(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    log.fails_on = {1}
    emit(runtime, clinic, new_id(), 1, 2)
    for _ in range(runtime.settings.work_attempts):
        runtime.clock.advance(hours=2)
        claim_and_perform(runtime, "deliveries")
    (attempts, dead, error), *_ = waiting(runtime)
    assert (attempts, dead) == (runtime.settings.work_attempts, True)
    assert error is not None
    assert error.startswith("RuntimeError at ")
    assert "told to" not in error
    drain()
    assert log.seen == [2]


def test_a_dead_event_is_retried_by_hand(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    runtime.settings.work_attempts = 1
    log.fails_on = {1}
    emit(runtime, clinic, new_id(), 1)
    drain()
    log.fails_on = set()
    drain()
    assert log.seen == []
    with runtime.database.system() as system:
        row_id = system.session.execute(text("SELECT id FROM deliveries")).scalar_one()
        assert work.retry(system.session, DELIVERIES, clinic, row_id, system.now)
    drain()
    assert log.seen == [1]


def test_a_claim_that_was_taken_over_writes_nothing(
    runtime: Runtime, clinic: UUID, log: Log
) -> None:
    emit(runtime, clinic, new_id(), 1)
    lease = runtime.settings.lease
    runtime.clock.advance(seconds=6)
    with runtime.database.system() as system:
        [slow] = work.claim(system, DELIVERIES, lease=lease, consumers=["test.log"])
    runtime.clock.advance(seconds=runtime.settings.lease_seconds + 1)
    with runtime.database.system() as system:
        [quick] = work.claim(system, DELIVERIES, lease=lease, consumers=["test.log"])
    with pytest.raises(LeaseLost):
        deliver(runtime, slow)
    deliver(runtime, quick)
    assert log.seen == [1]


def test_a_ring_takes_a_fresh_row_at_once_and_the_sweep_leaves_it(
    runtime: Runtime, clinic: UUID, log: Log
) -> None:
    emit(runtime, clinic, new_id(), 1)
    assert claim_and_perform(runtime, "deliveries") == 0
    with runtime.database.system() as system:
        row_id = system.session.execute(text("SELECT id FROM deliveries")).scalar_one()
    assert claim_and_perform(runtime, "deliveries", ids=[row_id]) == 1
    assert log.seen == [1]


def test_a_late_ring_starts_nothing_early(runtime: Runtime, clinic: UUID, log: Log) -> None:
    log.fails_on = {1}
    emit(runtime, clinic, new_id(), 1)
    with runtime.database.system() as system:
        row_id = system.session.execute(text("SELECT id FROM deliveries")).scalar_one()
    assert claim_and_perform(runtime, "deliveries", ids=[row_id]) == 1
    assert claim_and_perform(runtime, "deliveries", ids=[row_id]) == 0


def test_a_delivery_for_an_unknown_consumer_is_left_alone(
    runtime: Runtime, clinic: UUID, log: Log, drain: Drain
) -> None:
    emit(runtime, clinic, new_id(), 1)
    runtime.subscriptions = Subscriptions([])
    drain()
    assert [attempts for attempts, _, _ in waiting(runtime)] == [0]
