"""Shared commits: what arrives while a commit is in flight goes into the next one.

Callers bring items of a key (a clinic and who acts in it). One thread at a time leads a key: it
takes what waits, runs it as one batch, and goes to the end of the line while more has arrived.
Each caller gets its own answer or its own error, and only after the batch is committed. A caller
that is a coroutine waits without a thread.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm.core.errors import Conflict
from crm.core.performing import is_transient

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 64
"""Items of one batch: more would only make its first one wait."""

LEADERS = 8
"""Keys whose batches run at once, each with a connection."""

_REPEATS = 3


class LeaderLost(RuntimeError):
    """The thread that led this batch was torn down; whether it was committed is not known."""


class Overtaken(Conflict):
    """Somebody else's commit came first; a fresh transaction will see what it wrote."""

    code = "overtaken"


class _Ticket(NamedTuple, Generic[Item, Answer]):
    item: Item
    answer: Future[Answer]


@dataclass
class Grouping(Generic[Key, Item, Answer]):
    """Runs items of many callers in few transactions.

    `run(key, items)` is one transaction: it returns an answer for each item, in order, after its
    commit, or raises and has done nothing. Where it raises, its items run one by one, so that
    nobody pays for another's fault; deadlocks, lost connections and `Overtaken` run it again first,
    so `run` must know what it has already done.
    """

    run: Callable[[Key, Sequence[Item]], Sequence[Answer]]
    most: int = MOST
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[Key, deque[_Ticket[Item, Answer]]] = field(default_factory=dict)
    _leaders: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LEADERS, thread_name_prefix="grouping")
    )

    def submit(self, key: Key, item: Item) -> Answer:
        """Run an item, together with whatever else of its key arrives now; return its answer.

        Raises what `run` raises for this item alone.
        """
        return self._enter(key, item).result()

    async def submitted(self, key: Key, item: Item) -> Answer:
        """Run an item as `submit` does; who is cancelled before its batch begins runs nothing."""
        return await asyncio.wrap_future(self._enter(key, item))

    def _enter(self, key: Key, item: Item) -> Future[Answer]:
        ticket: _Ticket[Item, Answer] = _Ticket(item, Future())
        with self._guard:
            # A key has a queue as long as somebody leads it.
            is_led = key in self._waiting
            self._waiting.setdefault(key, deque()).append(ticket)
        if not is_led:
            self._leaders.submit(self._lead, key)
        return ticket.answer

    def _lead(self, key: Key) -> None:
        with self._guard:
            queue = self._waiting[key]
            taken = [queue.popleft() for _ in range(min(len(queue), self.most))]
        batch = [ticket for ticket in taken if ticket.answer.set_running_or_notify_cancel()]
        try:
            if batch:
                self._run(key, batch)
        finally:
            self._go_on(key)
            for ticket in batch:
                if not ticket.answer.done():
                    ticket.answer.set_exception(LeaderLost())

    def _go_on(self, key: Key) -> None:
        with self._guard:
            if not self._waiting[key]:
                del self._waiting[key]
                return
        self._leaders.submit(self._lead, key)

    def _run(self, key: Key, batch: list[_Ticket[Item, Answer]]) -> None:
        try:
            answers = self._answers(key, [ticket.item for ticket in batch])
        except Exception as fault:
            if len(batch) > 1 and not is_transient(fault):
                for ticket in batch:
                    self._run(key, [ticket])
                return
            # A database that is gone is gone for each of them; nobody waits for 64 time-outs.
            for ticket in batch:
                ticket.answer.set_exception(fault)
            return
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.answer.set_result(answer)

    def _answers(self, key: Key, items: Sequence[Item]) -> Sequence[Answer]:
        for _ in range(_REPEATS - 1):
            try:
                return self.run(key, items)
            except Exception as fault:
                # Who waited for a connection already waited long; he is told to come again.
                worth = isinstance(fault, Overtaken) or is_transient(fault)
                if isinstance(fault, PoolTimeout) or not worth:
                    raise
        return self.run(key, items)
