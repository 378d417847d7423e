"""What a web process hears of all processes, handed on to the pages that are open here."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from crm.core.news import CHANNEL, decode
from crm.web.live.listener import Listener
from crm.web.live.topics import Changed, Topic, changed_by

log = structlog.get_logger("crm.web.live")

PING_SECONDS = 15.0
LATE_SECONDS = 1.0
"""How much longer ago than it knows a page may have been made: on its way, or in a slow commit."""

NEVER = float("inf")
_MOST_HEARD = 2000
_PAUSES = (0.1, 0.5, 1.0, 2.0)

StillOpen = Callable[[UUID, set[UUID]], set[UUID]]
"""(clinic id, login ids) -> those of the logins that are not over."""


@dataclass(frozen=True)
class _Heard:
    at: float
    clinic_id: UUID
    client_id: UUID | None
    changed: Changed | None

    def tell(self, listener: Listener) -> None:
        if listener.client_id is not None and listener.client_id == self.client_id:
            return
        if self.changed is None:
            listener.reread()
        else:
            listener.hear(self.changed)


class Hub:
    """One subscription to Redis a process, and the open pages by clinic.

    What was heard last is kept, so that a page is told what happened between its making and its
    listening. What may have been missed, because Redis was away, is told as "read everything
    again". No database connection is held.
    """

    def __init__(self, redis_url: str | None, topics: Sequence[Topic], still_open: StillOpen):
        self.redis_url = redis_url
        self.topics = topics
        self.is_open = False
        self.still_open = still_open
        self._by_clinic: dict[UUID, set[Listener]] = defaultdict(set)
        self._heard: deque[_Heard] = deque(maxlen=_MOST_HEARD)
        self.complete_since = NEVER

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear while the block runs: from its start, so that it knows what a first page missed."""
        self.is_open = True
        tasks = [asyncio.create_task(each) for each in (self._subscribe(), self._look_after())]
        try:
            yield
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """End every stream: the process stops, and the pages come back to another one."""
        self.is_open = False
        for listener in self.listeners():
            listener.end()

    def listeners(self) -> list[Listener]:
        """Return the open pages."""
        return [each for listeners in self._by_clinic.values() for each in listeners]

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Tell a page what is heard while the block runs, and first what it just missed."""
        self._by_clinic[listener.clinic_id].add(listener)
        self._catch_up(listener)
        if not self.is_open:
            listener.end()
        try:
            yield
        finally:
            self._forget(listener)

    def _forget(self, listener: Listener) -> None:
        listeners = self._by_clinic[listener.clinic_id]
        listeners.discard(listener)
        if not listeners:
            del self._by_clinic[listener.clinic_id]

    def _catch_up(self, listener: Listener) -> None:
        since = asyncio.get_running_loop().time() - listener.age - LATE_SECONDS
        if since < self.complete_since:
            # Before a subscription begins this is not needed: then everybody reads again anyway.
            if self.complete_since < NEVER:
                listener.reread()
            return
        for heard in self._heard:
            if heard.at >= since and heard.clinic_id == listener.clinic_id:
                heard.tell(listener)

    async def _subscribe(self) -> None:
        """Listen to Redis for ever, through its restarts."""
        if self.redis_url is None:
            return
        failures = 0
        while True:
            try:
                async for data in _messages(self.redis_url):
                    failures = 0
                    self.hear(data) if data is not None else self.start_anew()
            except (RedisError, OSError) as fault:
                log.warning("live.redis_unreachable", error=type(fault).__name__)
            self.complete_since = NEVER
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    def start_anew(self) -> None:
        """Note that from here on nothing is missed; what was before may have been."""
        self._heard.clear()
        self.complete_since = asyncio.get_running_loop().time()
        for listener in self.listeners():
            listener.reread()

    def hear(self, data: bytes) -> None:
        """Keep an announcement, and tell the pages that it is for."""
        try:
            told = decode(data)
        except ValueError:
            log.warning("live.not_understood")  # A newer release speaks, say.
            return
        changed = None if told.news is None else changed_by(self.topics, told.news)
        now = asyncio.get_running_loop().time()
        heard = _Heard(now, told.clinic_id, told.client_id, changed)
        if len(self._heard) == _MOST_HEARD:
            self.complete_since = self._heard[1].at
        self._heard.append(heard)
        for listener in self._by_clinic.get(told.clinic_id, ()):
            heard.tell(listener)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self.look_after()

    async def look_after(self) -> None:
        """Ping every open page, and end those whose login is over."""
        for clinic_id, listeners in list(self._by_clinic.items()):
            logins = {listener.login_id for listener in listeners}
            open_logins = logins
            # With a lost database nobody can act on an old login either.
            with suppress(SQLAlchemyError):
                open_logins = await run_in_threadpool(self.still_open, clinic_id, logins)
            for listener in list(listeners):
                if listener.login_id in logins - open_logins:
                    listener.end(is_signed_out=True)
                else:
                    listener.ping()


async def _messages(redis_url: str) -> AsyncIterator[bytes | None]:
    """Yield what is announced, and None whenever a subscription begins. Raises RedisError."""
    client = redis.asyncio.Redis.from_url(redis_url, socket_connect_timeout=5)
    try:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            is_asked = False
            while True:
                message = await pubsub.get_message(timeout=PING_SECONDS)
                if message is None:
                    if is_asked:
                        raise RedisError("the server is silent")
                    await pubsub.ping()
                is_asked = message is None
                if message is not None and message["type"] in ("message", "subscribe"):
                    yield message["data"] if message["type"] == "message" else None
    finally:
        await client.aclose()
