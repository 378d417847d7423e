"""Named points at which a fault test lets a process die, each between two steps of a request.

`FRONTDESK_KILL_AT=take.after_commit:3` kills the process (SIGKILL) the third time it comes to that
point. It is read from the environment and not from the settings, because it is no choice of an
operator's: outside of the demo it does nothing, and nothing but `tests/faults` sets it.
"""

import os
import signal
from itertools import count
from typing import Final

_STEPS = (
    "intake",
    "deliver",
    "advance",
    "take",
    "record",
    "settle",
    "status",
    "message",
    "campaign",
)

POINTS: Final = (
    *(f"{step}.{moment}" for step in _STEPS for moment in ("before_commit", "after_commit")),
    "claim.before_commit",
    "claim.after_commit",
    "call.before",
    "call.answered",
    "scheduler.after_ring",
)
"""Every point: on both sides of the commit of each step (architecture.md §3), and between them.

`Database.transaction(..., step="deliver")` has the points `deliver.before_commit` and
`deliver.after_commit`; the latter lies before the ring.
"""


def _armed() -> dict[str, int]:
    wanted = os.environ.get("FRONTDESK_KILL_AT", "")
    if not wanted or os.environ.get("FRONTDESK_ENV") != "demo":
        return {}
    name, _, nth = wanted.partition(":")
    if name not in POINTS:
        raise ValueError(f"FRONTDESK_KILL_AT names no point: {name}")
    return {name: int(nth or 1)}


_fatal = _armed()
_passed = count(1)


def reached(name: str) -> None:
    """Die here if this process was told to; costs one look into an empty dictionary otherwise."""
    nth = _fatal.get(name)
    # `count` is one step under the interpreter's lock: two threads never draw the same number.
    if nth is not None and next(_passed) >= nth:
        os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Read the environment again: a process that was forked after the import has its own."""
    global _fatal
    _fatal = _armed()
