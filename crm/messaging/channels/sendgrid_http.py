"""How SendGrid's SDK speaks HTTP here: pooled, bounded in time, to the configured address.

The SDK's own transport has no time-out and makes a connection for each request, and its logger
writes whole emails. This one stands at its extension point (`Client._make_request`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.request import Request

import aiohttp
import python_http_client
from sendgrid import SendGridAPIClient
from yarl import URL

from crm.core.settings import Settings
from crm.messaging.channels.http_loop import session, wait_for

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 10.0

# It would write down addresses, words and the key, whatever level the product logs at (LAW-55).
logging.getLogger("python_http_client").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, as the SDK reads it."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]

    def getcode(self) -> int:
        """Return the status."""
        return self.status

    def read(self) -> bytes:
        """Return the body."""
        return self.body

    def info(self) -> Message:
        """Return the headers, whose names are asked for in any case."""
        told = Message()
        for name, value in self.headers.items():
            told[name] = value
        return told


class PooledHttp(python_http_client.Client):  # type: ignore[misc]
    """Requests over kept connections: 2 s to connect, 10 s in all; none is repeated (SG-4)."""

    def _build_client(self, name: str | None = None) -> "PooledHttp":
        return PooledHttp(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=[*self._url_path, *([name] if name else [])],
        )

    def _make_request(
        self, opener: Any, request: Request, timeout: float | None = None
    ) -> Answered:
        """Send one request and return its answer, whatever it says. Raises aiohttp's errors."""
        return wait_for(_answer(request))


def client_of(api_key: str, settings: Settings) -> SendGridAPIClient:
    """Return the SDK's client for an account's key."""
    made = SendGridAPIClient(api_key, host=settings.sendgrid_api_url.rstrip("/"))
    made.client = PooledHttp(host=made.host, request_headers=made._default_headers, version=3)
    return made


async def _answer(request: Request) -> Answered:
    # `header_items` would be capitalised as urllib does; HTTP does not mind.
    async with session().request(
        request.get_method(),
        URL(request.full_url, encoded=True),
        data=request.data,
        headers=dict(request.header_items()),
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
        allow_redirects=False,
    ) as answer:
        return Answered(answer.status, await answer.read(), dict(answer.headers))
