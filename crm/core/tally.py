"""What a request costs: how often it asked the database, and how long that and rendering took."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

OPENING = "opens_a_transaction"
"""The execution option of a statement that belongs to BEGIN: its time counts, it is no query."""


@dataclass
class Tally:
    """The queries of one request, and the seconds that they and the templates took."""

    queries: int = 0
    asking: float = 0.0
    rendering: float = 0.0


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallying() -> Iterator[Tally]:
    """Count what is asked and rendered in the block, also by threads that it hands work to."""
    tally = Tally()
    token = _current.set(tally)
    try:
        yield tally
    finally:
        _current.reset(token)


@contextmanager
def rendering() -> Iterator[None]:
    """Let the block count as rendering."""
    begun = perf_counter()
    try:
        yield
    finally:
        tally = _current.get()
        if tally is not None:
            tally.rendering += perf_counter() - begun


def watch(engine: Engine) -> None:
    """Let the statements of an engine count, whoever asks them; twice is once.

    For processes that answer requests: to those that answer none, each statement would cost more.
    """
    if not event.contains(engine, "before_cursor_execute", _begin):
        event.listen(engine, "before_cursor_execute", _begin)
        event.listen(engine, "after_cursor_execute", _end)


def _begin(
    _connection: Any, _cursor: Any, _text: str, _values: Any, context: Any, _m: bool
) -> None:
    if _current.get() is not None:
        context.begun = perf_counter()


def _end(_connection: Any, _cursor: Any, _text: str, _values: Any, context: Any, _m: bool) -> None:
    tally = _current.get()
    if tally is not None:
        tally.asking += perf_counter() - context.begun
        tally.queries += OPENING not in context.execution_options
