"""Ending the streams when the process is told to stop: the server waits for open answers."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from crm.web.live.hub import Hub

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def closed_by_signals(hub: Hub) -> Iterator[None]:
    """Close the hub at a signal to stop, before whoever else handles it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hub.close)
        if callable(before[number]):
            before[number](number, frame)

    for each in _SIGNALS:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in _SIGNALS:
            signal.signal(each, before[each])
