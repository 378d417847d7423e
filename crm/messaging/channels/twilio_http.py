"""How Twilio's SDK speaks HTTP here: pooled, bounded in time, to the configured address.

The SDK's own client has no time-out, repeats requests by itself and logs what it sends. This one
stands at its extension point (`HttpClient.request`) and does none of that.
"""

from collections.abc import Mapping
from logging import getLogger
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

from crm.messaging.channels.http_loop import session

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 10.0
DEFAULT_URL = "https://api.twilio.com"
_API_HOST = "api.twilio.com"


class TooManyRequests(Exception):
    """Twilio asks to come back later (429); nothing was accepted (TW-42)."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__()
        self.retry_after = retry_after


class PooledHttp(AsyncHttpClient):  # type: ignore[misc]
    """Requests over kept connections: 2 s to connect, 10 s in all; no POST is repeated (TW-45)."""

    def __init__(self, base_url: str) -> None:
        super().__init__(getLogger("twilio"), True, TOTAL_SECONDS)
        self._base = base_url.rstrip("/")

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request and return its answer. Raises aiohttp's errors, TooManyRequests."""
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with session().request(
            method.upper(),
            URL(address(url, self._base) + _query(params), encoded=True),
            data=urlencode(data, doseq=True).encode() if data else None,
            headers=sent,
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
            allow_redirects=False,
        ) as answer:
            if answer.status == 429:
                raise TooManyRequests(_seconds(answer.headers.get("Retry-After")))
            text = (await answer.read()).decode("utf-8", "replace")
            return Response(answer.status, text, answer.headers)


def address(url: str, base: str) -> str:
    """Return where a request really goes: the configured base, with the product before the path.

    `https://messaging.twilio.com/v1/Services` goes to `{base}/messaging/v1/Services`, unless the
    base is Twilio's own, whose products have hosts of their own.
    """
    if base == DEFAULT_URL:
        return url
    parts = urlsplit(url)
    host = parts.hostname or _API_HOST
    product = "" if host == _API_HOST else f"/{host.partition('.')[0]}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{base}{product}{parts.path}{query}"


def _query(params: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""


def _seconds(header: Any) -> float | None:
    """Return a Retry-After in seconds; a date, which Twilio never sends, is as good as none."""
    try:
        return max(float(header), 0.0)
    except (TypeError, ValueError):
        return None
