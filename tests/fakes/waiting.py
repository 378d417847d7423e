"""Waiting for a condition in another process or thread, without a fixed sleep."""

import time
from collections.abc import Callable
from threading import Event


def until(
    condition: Callable[[], bool], *, seconds: float = 20, what: str = "", every: float = 0.005
) -> None:
    """Return once the condition holds; raises AssertionError when it never does."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not condition():
        assert time.monotonic() < deadline, what or "The condition did not come true in time."
        pause.wait(every)
