"""Counts of what happens often: in Redis, and in this process while Redis is gone."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger("crm.core")

Result = TypeVar("Result")

_PATIENCE = 0.1  # seconds that Redis may take
_REST = 5.0  # seconds that Redis is left alone after it failed


class SharedCounts:
    """Counts that several processes share; it never raises because Redis is gone."""

    def __init__(self, redis_url: str | None) -> None:
        self.here = FixedWindowRateLimiter(MemoryStorage())
        self._shared = _shared(redis_url) if redis_url else None
        self._shared_again_at = 0.0

    def ask(self, act: Callable[[FixedWindowRateLimiter], Result]) -> Result:
        """Return what `act` says of the shared counts, or of this process's own."""
        if self._shared is not None and time.monotonic() >= self._shared_again_at:
            try:
                return act(self._shared)
            except StorageError:
                self._shared_again_at = time.monotonic() + _REST
                log.warning("counts.redis_lost")
        return act(self.here)


def _shared(redis_url: str) -> FixedWindowRateLimiter:
    storage = RedisStorage(
        redis_url,
        wrap_exceptions=True,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
    )
    return FixedWindowRateLimiter(storage)
