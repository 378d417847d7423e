"""Slows down whoever guesses passwords, without locking out the one whose account it is (SEC-5).

Only failures count. A browser that signed in before carries a device cookie and has a count of its
own, so that an attack on an account, or on all of them, does not keep its owner out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from operator import methodcaller

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute

from crm.core.counting import SharedCounts
from crm.core.errors import TooMany
from crm.web.language import ngettext

log = structlog.get_logger("crm.accounts")

PER_ACCOUNT_AND_IP = RateLimitItemPerMinute(10, 15)
PER_DEVICE = RateLimitItemPerMinute(10, 15)
PER_IP = RateLimitItemPerMinute(60, 15)
PER_ACCOUNT = RateLimitItemPerHour(50)
EVERYBODY = RateLimitItemPerMinute(1000, 10)


@dataclass(frozen=True)
class Attempt:
    """One attempt to sign in; `device` is the cookie's id in a browser known to the account."""

    account: str
    ip: str
    device: str | None = None

    def limits(self) -> Sequence[tuple[RateLimitItem, str]]:
        """Return every count that this attempt falls under."""
        if self.device is not None:
            return [(PER_DEVICE, _key("device", self.account, self.device))]
        return [
            (PER_ACCOUNT_AND_IP, _key("pair", self.account, self.ip)),
            (PER_IP, _key("ip", self.ip)),
            (PER_ACCOUNT, _key("account", self.account)),
            (EVERYBODY, _key("everybody")),
        ]


class Throttle:
    """Counts failures in Redis, and in this process while Redis is gone; that raises nothing."""

    def __init__(self, redis_url: str | None) -> None:
        self._counts = SharedCounts(redis_url)

    def check(self, attempt: Attempt) -> None:
        """Refuse an attempt that follows too many failures. Raises TooMany."""
        for limit, key in attempt.limits():
            if not self._counts.ask(methodcaller("test", limit, key)):
                reset = self._counts.ask(methodcaller("get_window_stats", limit, key)).reset_time
                wait = max(1, min(int(reset - time.time()) + 1, limit.get_expiry()))
                log.warning("login.throttled", limit=str(limit))
                raise TooMany(_told(wait), retry_after=wait)

    def failed(self, attempt: Attempt) -> None:
        """Count a failure."""
        for limit, key in attempt.limits():
            self._counts.ask(methodcaller("hit", limit, key))

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this person at this place: they were typing errors."""
        limit, key = attempt.limits()[0]
        self._counts.ask(methodcaller("clear", limit, key))


def _told(wait: int) -> str:
    """Return in how many minutes to try again; `wait` is in seconds."""
    return ngettext(
        "Signing in failed too often. Try again in %(num)s minute.",
        "Signing in failed too often. Try again in %(num)s minutes.",
        ceil(wait / 60),
    )


def _key(*parts: str) -> str:
    """Return a key that names nobody: Redis holds no email and no address."""
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
