"""How many requests are taken: from one key, through one form, from one place (SEC-17).

Forms are counted in Redis, so that several processes count together, and in this process while
Redis is gone. A key's rate stops a sender that runs away; it is counted a process.
"""

import hmac
import time
from collections import Counter

from limits import RateLimitItem, RateLimitItemPerMinute

from crm.core.counting import SharedCounts
from crm.core.errors import TooMany
from crm.core.settings import Settings
from crm.web.language import _

PER_PLACE = RateLimitItemPerMinute(60)
"""Posts of a form from one IP: mobile networks put many people behind one."""

PER_FORM = RateLimitItemPerMinute(600)


class Rates:
    """Counts what arrives; it never raises because Redis is gone."""

    def __init__(self, settings: Settings) -> None:
        self._counts = SharedCounts(settings.redis_url)
        self._most_a_key = settings.api_requests_per_minute
        self._minute, self._of_key = 0, Counter[str]()

    def count_key(self, key_id: str) -> None:
        """Count a request of an API key. Raises TooMany."""
        # By hand: the library's count in memory starts a thread now and then, for a sum of ints.
        minute, second = divmod(int(time.monotonic()), 60)
        if minute != self._minute:
            self._minute, self._of_key = minute, Counter()
        self._of_key[key_id] += 1
        if self._of_key[key_id] > self._most_a_key:
            raise TooMany(_("Wait before you send more."), retry_after=60 - second)

    def may_post(self, form_id: str, place: str) -> bool:
        """Count a post of a form from a place; return whether it is one of few enough."""
        # Both are counted, whatever the first says.
        few_here = self._hit(PER_PLACE, "place", _hashed(form_id, place))
        few_in_all = self._hit(PER_FORM, "form", form_id)
        return few_here and few_in_all

    def _hit(self, limit: RateLimitItem, kind: str, key: str) -> bool:
        return self._counts.ask(lambda limiter: limiter.hit(limit, "intake", kind, key))


def _hashed(form_id: str, place: str) -> str:
    """Return a key that names no place: Redis holds nobody's address."""
    return hmac.new(form_id.encode(), place.encode(), "sha256").hexdigest()[:32]
