"""What a worker's thread keeps in hand: deliveries that it wrote itself, done at once.

A ring would let another thread claim them: a message through Redis, a wait, and a transaction more.
For a few rows that is more than what they cost themselves. They are written under a lease of this
thread's own, so a crash costs them that lease and nothing else.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from crm.core.ids import new_id
from crm.core.work import Claim

FEW = 25
"""Rows of one transaction, at most: more are rung for, so that several threads share them."""

MOST_ROUNDS = 8
"""Chunks in a row that follow from each other; after them others get their turn."""


@dataclass
class Hand:
    """One message's: what its transactions wrote for its own queue and have committed."""

    queue: str
    lease: timedelta
    token: UUID = field(default_factory=new_id)
    claims: deque[Claim] = field(default_factory=deque)
    rounds: int = 0

    def token_for(self, queue: str, rows: int) -> UUID | None:
        """Return the token under which so many rows are kept; None where they are rung for."""
        is_kept = queue == self.queue and rows <= FEW and self.rounds < MOST_ROUNDS
        return self.token if is_kept else None

    def keep(self, clinic_id: UUID, ids: Sequence[UUID], until: datetime) -> None:
        """Keep rows that were committed."""
        self.claims.append(Claim(clinic_id, sorted(ids), self.token, until, is_in_hand=True))

    def taken(self) -> Iterator[Claim]:
        """Yield what is kept, and what follows from it, until nothing is left."""
        while self.claims:
            self.rounds += 1
            yield self.claims.popleft()
        self.rounds = 0


_hand: ContextVar[Hand | None] = ContextVar("hand", default=None)


@contextmanager
def in_hand(queue: str, lease: timedelta) -> Iterator[None]:
    """Let the block keep in hand what it writes for a queue."""
    token = _hand.set(Hand(queue, lease))
    try:
        yield
    finally:
        _hand.reset(token)


def own_hand() -> Hand | None:
    """Return the hand of whoever asks; None outside of a worker's message."""
    return _hand.get()
