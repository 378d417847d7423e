"""Callers that share commits: each gets its own answer, and nobody pays for another."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm.core.grouping import Grouping, LeaderLost, Overtaken

PATIENCE = 30


class Batches:
    """A transaction that notes its batches and can be held open."""

    def __init__(self, fault: Callable[[Sequence[int]], Exception | None] = lambda items: None):
        self.seen: list[tuple[str, list[int]]] = []
        self.entered = threading.Semaphore(0)
        self.may_go = threading.Semaphore(0)
        self.fault = fault

    def __call__(self, key: str, items: Sequence[int]) -> list[int]:
        self.seen.append((key, list(items)))
        self.entered.release()
        assert self.may_go.acquire(timeout=PATIENCE)
        fault = self.fault(items)
        if fault is not None:
            raise fault
        return [item * 10 for item in items]

    def go(self, times: int = 1000) -> None:
        self.may_go.release(times)


def queued(grouping: Grouping[str, int, int], key: str, count: int) -> None:
    """Wait until so many items wait for the next batch."""
    reached = threading.Event()
    while not reached.wait(0.001):
        if len(grouping._waiting.get(key, ())) >= count:
            reached.set()


def behind_one(
    batches: Batches, items: Sequence[int], most: int = 64
) -> tuple[Future[int], list[Future[int]]]:
    """Submit item 1, hold it in its commit, queue the others behind it, then let all go."""
    grouping = Grouping[str, int, int](batches, most=most)
    with ThreadPoolExecutor(len(items) + 1) as pool:
        first = pool.submit(grouping.submit, "a", 1)
        assert batches.entered.acquire(timeout=PATIENCE)
        others = []
        for item in items:
            others.append(pool.submit(grouping.submit, "a", item))
            queued(grouping, "a", len(others))
        batches.go()
    assert grouping._waiting == {}
    return first, others


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    batches = Batches()
    first, others = behind_one(batches, [2, 3, 4])
    assert first.result() == 10
    assert [other.result() for other in others] == [20, 30, 40]
    assert batches.seen == [("a", [1]), ("a", [2, 3, 4])]


def test_a_batch_has_a_most() -> None:
    batches = Batches()
    _, others = behind_one(batches, [2, 3, 4, 5, 6], most=2)
    assert [other.result() for other in others] == [20, 30, 40, 50, 60]
    assert [len(items) for _, items in batches.seen] == [1, 2, 2, 1]


def test_one_bad_item_fails_alone() -> None:
    batches = Batches(lambda items: ValueError("three") if 3 in items else None)
    _, others = behind_one(batches, [2, 3, 4])
    assert others[0].result() == 20
    with pytest.raises(ValueError, match="three"):
        others[1].result()
    assert others[2].result() == 40
    assert [items for _, items in batches.seen] == [[1], [2, 3, 4], [2], [3], [4]]


def test_a_deadlock_runs_the_batch_again() -> None:
    faults = iter([None, OperationalError("x", {}, Exception()), None])
    batches = Batches(lambda items: next(faults))
    _, others = behind_one(batches, [2, 3])
    assert [other.result() for other in others] == [20, 30]
    assert [items for _, items in batches.seen] == [[1], [2, 3], [2, 3]]


def test_an_overtaken_item_is_run_again_with_a_fresh_view() -> None:
    faults = iter([Overtaken(), None])
    batches = Batches(lambda items: next(faults))
    batches.go()
    assert Grouping[str, int, int](batches).submit("a", 7) == 70


def test_a_database_that_is_gone_is_not_asked_for_each_item() -> None:
    for gone, runs in ((PoolTimeout(), 1), (OperationalError("x", {}, Exception()), 3)):
        batches = Batches(lambda items, gone=gone: gone if 2 in items else None)  # type: ignore[misc]
        first, others = behind_one(batches, [2, 3, 4])
        assert first.result() == 10
        for other in others:
            with pytest.raises(type(gone)):
                other.result()
        assert [items for _, items in batches.seen] == [[1], *[[2, 3, 4]] * runs]


def test_keys_do_not_wait_for_each_other() -> None:
    batches = Batches()
    grouping = Grouping[str, int, int](batches)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(grouping.submit, key, 1) for key in ("a", "b")]
        for _ in both:
            assert batches.entered.acquire(timeout=PATIENCE)
        batches.go()
        assert [one.result() for one in both] == [10, 10]
    assert sorted(batches.seen) == [("a", [1]), ("b", [1])]


def test_a_leader_that_is_torn_down_does_not_strand_the_others() -> None:
    faults = iter([SystemExit(), None])
    batches = Batches(lambda items: next(faults))  # type: ignore[arg-type, return-value]
    first, others = behind_one(batches, [2])
    with pytest.raises(LeaderLost):
        first.result()
    assert others[0].result() == 20


def test_many_threads_each_get_their_own_answer() -> None:
    batches = Batches()
    batches.go(5000)
    grouping = Grouping[str, int, int](batches, most=8)
    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(lambda n: grouping.submit("a", n), range(500))) == [
            n * 10 for n in range(500)
        ]
    assert sorted(n for _, items in batches.seen for n in items) == list(range(500))
    assert grouping._waiting == {}


def test_coroutines_wait_without_a_thread_and_share_a_commit() -> None:
    batches = Batches()
    grouping = Grouping[str, int, int](batches)

    async def gather() -> list[int]:
        first = asyncio.ensure_future(grouping.submitted("a", 1))
        await asyncio.to_thread(batches.entered.acquire, timeout=PATIENCE)
        others = [asyncio.ensure_future(grouping.submitted("a", n)) for n in range(2, 50)]
        given_up = asyncio.ensure_future(grouping.submitted("a", 99))
        await asyncio.to_thread(queued, grouping, "a", 49)
        given_up.cancel()
        await asyncio.wait([given_up])
        batches.go()
        return list(await asyncio.gather(first, *others))

    assert asyncio.run(gather()) == [n * 10 for n in range(1, 50)]
    assert batches.seen == [("a", [1]), ("a", list(range(2, 50)))]
