"""Where a process begins to look for due rows, so that a look costs what is due and no more.

As long as a snapshot is held open, by a backup or a long report, the index of what is due keeps an
entry of every row that was claimed since. Whoever looks from the bottom walks over all of them. A
process therefore remembers below which time it found nothing, and looks there again only so often
that it stays a small part of its time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm.core.database import System

BOTTOM = datetime.min.replace(tzinfo=UTC)

MARGIN = timedelta(seconds=5)
"""How far behind now the floor stays: a row may be committed this long after its `due_at`."""

LEAST_SECONDS = 1.0
"""How long a floor holds at least. What comes to be due below it waits that long, and no longer."""

MOST_SECONDS = 10.0
"""How long a floor holds at most, however slow one look was: what lies below waits no longer."""

SHARE = 20
"""A look from the bottom takes one part in so many of a process's time, at most."""

Key = tuple[str, str, str]


@dataclass
class Look:
    """One look: from where, and when it was over, the earliest `due_at` it may have left behind."""

    floor: datetime
    first_left: datetime | None = None


@dataclass(frozen=True)
class _Floor:
    at: datetime
    until: float


@dataclass
class Floors:
    """The floors of one process, by what is looked for; a lost one costs a look from the bottom."""

    _known: dict[Key, _Floor] = field(default_factory=dict)

    def of(self, key: Key) -> datetime:
        """Return where to begin: at the bottom now and then, for what came to be due below."""
        known = self._known.get(key)
        return known.at if known is not None and monotonic() < known.until else BOTTOM

    def learn(self, key: Key, look: Look, now: datetime, seconds: float) -> None:
        """Remember what a look of so many seconds found: nothing lies below what it left."""
        at = now - MARGIN
        if look.first_left is not None:
            at = min(at, look.first_left)
        known = self._known.get(key)
        if look.floor == BOTTOM or known is None:
            until = monotonic() + min(max(LEAST_SECONDS, SHARE * seconds), MOST_SECONDS)
        else:
            at, until = max(at, look.floor), known.until
        self._known[key] = _Floor(at, until)


@contextmanager
def looking(system: "System", key: Key) -> Iterator[Look]:
    """Look for due rows from where this process knows that they begin, and learn from it."""
    floors = system.floors
    look = Look(BOTTOM if floors is None else floors.of(key))
    begun = monotonic()
    yield look
    if floors is not None:
        floors.learn(key, look, system.now, monotonic() - begun)
