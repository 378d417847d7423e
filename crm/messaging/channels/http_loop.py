"""Where requests to providers run: one event loop a process, in its own thread.

A request costs less than half there of what it costs in a thread of its own, and the connections
that are kept are everybody's.
"""

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

import aiohttp

KEEP_SECONDS = 15.0
"""How long an unused connection is kept: less than servers keep theirs, so none dies in use."""

_END_SECONDS = 5.0

Answer = TypeVar("Answer")


def wait_for(request: Coroutine[Any, Any, Answer]) -> Answer:
    """Run one request in the loop and return what it returned, or raise what it raised."""
    return asyncio.run_coroutine_threadsafe(request, _loop()).result()


def start(request: Coroutine[Any, Any, None]) -> None:
    """Start a request in the loop, which tells its result itself."""
    try:
        _loop().call_soon_threadsafe(_begin, request)
    except RuntimeError:
        request.close()  # There is no loop any more, or no thread for one.
        raise


@cache
def session() -> aiohttp.ClientSession:
    """Return the kept connections of the process; only asked for in the loop.

    Who sends bounds what is under way; a session that did so too would only hide it.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


_under_way: set[asyncio.Task[None]] = set()


def _begin(request: Coroutine[Any, Any, None]) -> None:
    # The loop itself remembers a task only weakly.
    task = asyncio.get_running_loop().create_task(request)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


_making = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _making:
        return _made()


@cache
def _made() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="providers", daemon=True)
    thread.start()
    atexit.register(_end, loop, thread)
    return loop


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Close the kept connections and end the loop, before the interpreter takes it apart."""
    asyncio.run_coroutine_threadsafe(_close(), loop).result(_END_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_END_SECONDS)
    if not thread.is_alive():
        loop.close()


async def _close() -> None:
    await session().close()
