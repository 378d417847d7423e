"""Shared commits: what arrives while a commit is in flight goes into the next one.

Threads bring items of a key (a clinic and who acts in it). One of them leads: it takes what
waits, runs it as one batch, and hands the lead to somebody who arrived meanwhile. Each thread gets
its own answer or its own error, and only after the batch is committed.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm.core.errors import Conflict
from crm.core.performing import is_transient

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 64
"""Items of one batch: more would only make its first one wait."""

_REPEATS = 3


class LeaderLost(RuntimeError):
    """The thread that led this batch was torn down; whether it was committed is not known."""


class Overtaken(Conflict):
    """Somebody else's commit came first; a fresh transaction will see what it wrote."""

    code = "overtaken"


@dataclass
class _Ticket(Generic[Item, Answer]):
    item: Item
    woken: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    answer: list[Answer] = field(default_factory=list)
    error: BaseException | None = None

    def finish(self, answer: Answer) -> None:
        self.answer.append(answer)
        self._end()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._end()

    def _end(self) -> None:
        self.is_done = True
        self.woken.set()


@dataclass
class Grouping(Generic[Key, Item, Answer]):
    """Runs items of many threads in few transactions.

    `run(key, items)` is one transaction: it returns an answer for each item, in order, after its
    commit, or raises and has done nothing. Where it raises, its items run one by one, so that
    nobody pays for another's fault; deadlocks, lost connections and `Overtaken` run it again first,
    so `run` must know what it has already done.
    """

    run: Callable[[Key, Sequence[Item]], Sequence[Answer]]
    most: int = MOST
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[Key, deque[_Ticket[Item, Answer]]] = field(default_factory=dict)

    def submit(self, key: Key, item: Item) -> Answer:
        """Run an item, together with whatever else of its key arrives now; return its answer.

        Raises what `run` raises for this item alone.
        """
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        with self._guard:
            queue = self._waiting.get(key)
            if queue is None:
                # Somebody leads as long as the key has a queue, so this thread does now.
                self._waiting[key] = deque()
            else:
                queue.append(ticket)
        if queue is None or not self._wait(ticket):
            self._lead(key, ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer[0]

    @staticmethod
    def _wait(ticket: _Ticket[Item, Answer]) -> bool:
        """Wait until the item is done; return False where this thread is to lead instead."""
        ticket.woken.wait()
        return ticket.is_done

    def _lead(self, key: Key, own: _Ticket[Item, Answer]) -> None:
        with self._guard:
            queue = self._waiting[key]
            batch = [own, *(queue.popleft() for _ in range(min(len(queue), self.most - 1)))]
        try:
            self._run(key, batch)
        finally:
            self._hand_over(key)
            for ticket in batch:
                if not ticket.is_done:
                    ticket.fail(LeaderLost())

    def _hand_over(self, key: Key) -> None:
        with self._guard:
            queue = self._waiting[key]
            if queue:
                queue.popleft().woken.set()
            else:
                del self._waiting[key]

    def _run(self, key: Key, batch: list[_Ticket[Item, Answer]]) -> None:
        try:
            answers = self._answers(key, batch)
        except Exception as fault:
            if len(batch) > 1 and not is_transient(fault):
                for ticket in batch:
                    self._run(key, [ticket])
                return
            # A database that is gone is gone for each of them; nobody waits for 64 time-outs.
            for ticket in batch:
                ticket.fail(fault)
            return
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.finish(answer)

    def _answers(self, key: Key, batch: list[_Ticket[Item, Answer]]) -> Sequence[Answer]:
        items = [ticket.item for ticket in batch]
        for _ in range(_REPEATS - 1):
            try:
                return self.run(key, items)
            except Exception as fault:
                # Who waited for a connection already waited long; he is told to come again.
                worth = isinstance(fault, Overtaken) or is_transient(fault)
                if isinstance(fault, PoolTimeout) or not worth:
                    raise
        return self.run(key, items)
