"""How many requests may hold a connection at once; the others wait at the door, without a thread.

A page's transaction is opened on one thread and used on the next. Were more requests let in than
there are threads and connections, those with a connection would wait for a thread, and those with
a thread for a connection, until both gave up. A request holds one of each at most, so whoever is
let in finds both.
"""

import asyncio
from weakref import WeakKeyDictionary

import structlog
from anyio.to_thread import current_default_thread_limiter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.web import problems
from crm.web.errors import PROGRAM_PATHS, answer

log = structlog.get_logger("crm.web")

PATIENCE = 8.0
"""Seconds that a request waits to be let in."""

DEFAULT_ADMIT = 32

_FREE = ("/static/", "/healthz")
_RESERVED = (*PROGRAM_PATHS, "/readyz", "/metrics")


def places(pool: int) -> int:
    """Return how many requests to let in beside a pool of so many connections.

    About a fifth is left to what is no request: the demo's worker, probes, tasks after an answer.
    """
    return max(1, pool - _fifth(pool))


class Admission:
    """Let in so many requests at once, fewer of them pages, so that no page keeps out a STOP.

    What waits longer than `patience` seconds is answered with a 503. A request is let in when its
    body has arrived, and is out when its answer begins, by when its transaction has ended: a slow
    line takes nobody's place.
    """

    def __init__(
        self, app: ASGIApp, *, admit: int = DEFAULT_ADMIT, patience: float = PATIENCE
    ) -> None:
        self.app = app
        self.admit = admit
        self.patience = patience
        # One a loop, since a semaphore belongs to the loop that it was waited for in.
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gates] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self.app(scope, receive, send)
            return
        again = await _read(receive)
        place = _Place(self._here(), is_page=not scope["path"].startswith(_RESERVED))
        try:
            async with asyncio.timeout(self.patience):
                await place.take()
        except TimeoutError:
            log.warning("request.not_admitted", is_page=place.is_page)
            await answer(Request(scope), problems.unavailable())(scope, again, send)
            return

        async def leave(message: Message) -> None:
            if message["type"] == "http.response.start":
                place.leave()
            await send(message)

        try:
            await self.app(scope, again, leave)
        finally:
            place.leave()

    def _here(self) -> "_Gates":
        loop = asyncio.get_running_loop()
        gates = self._gates.get(loop)
        if gates is None:
            threads = current_default_thread_limiter().total_tokens
            gates = self._gates[loop] = _Gates(int(min(self.admit, threads)))
        return gates


class _Gates:
    """The door of everybody, and the one before it that only pages pass."""

    def __init__(self, admit: int) -> None:
        self.everybody = asyncio.Semaphore(admit)
        self.pages = asyncio.Semaphore(max(1, admit - _fifth(admit)))


class _Place:
    """A request's place, taken once and left once."""

    def __init__(self, gates: _Gates, *, is_page: bool) -> None:
        self.is_page = is_page
        # Pages queue for their own share first: no more of them than that stand before a program.
        self._ahead = [gates.pages, gates.everybody] if is_page else [gates.everybody]
        self._held: list[asyncio.Semaphore] = []

    async def take(self) -> None:
        """Wait for a place; who is cancelled meanwhile has none."""
        try:
            for gate in self._ahead:
                await gate.acquire()
                self._held.append(gate)
        except asyncio.CancelledError:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next one."""
        while self._held:
            self._held.pop().release()


async def _read(receive: Receive) -> Receive:
    """Return a `receive` that gives the body, which has arrived, and then what comes later."""
    messages: list[Message] = []
    faults: list[HTTPException] = []
    try:
        while not messages or messages[-1].get("more_body", False):
            messages.append(await receive())
    except HTTPException as fault:  # The body is too large: it is the application that answers.
        faults.append(fault)
    messages.reverse()

    async def again() -> Message:
        if messages:
            return messages.pop()
        if faults:
            raise faults[0]
        return await receive()

    return again


def _fifth(whole: int) -> int:
    return max(1, whole // 5)
