"""A closed loop of HTTP clients over raw sockets: the rate and the latency a server gives."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools
import uvloop

Payload = Callable[[int], bytes]
"""From the number of a request, its body."""


@dataclass(frozen=True)
class Load:
    """What a run measured: requests per second, and milliseconds from sending to the answer."""

    requests: int
    failures: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    statuses: dict[int, int]


class _Client(asyncio.Protocol):
    """One connection with keep-alive that has one request on its way at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._resolve(0)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status, keeps = self._parser.get_status_code(), self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if not keeps and self.transport is not None:
            self.transport.close()
        self._resolve(status)

    def _resolve(self, status: int) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)

    async def ask(self, request: bytes) -> int:
        """Send one request; return its status, or 0 when the connection broke."""
        assert self.transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answered


def post(
    url: str,
    payload: Payload,
    *,
    requests: int,
    clients: int = 32,
    headers: Callable[[int], dict[str, str]] = lambda number: {},
) -> Load:
    """Post `requests` bodies by so many clients, each waiting for its answer, and measure."""
    return uvloop.run(_post(url, payload, requests, clients, headers))


async def _post(
    url: str,
    payload: Payload,
    requests: int,
    clients: int,
    headers: Callable[[int], dict[str, str]],
) -> Load:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    prepared = [_request(url, payload(n), headers(n)) for n in range(requests)]
    waiting = iter(prepared)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    loop = asyncio.get_running_loop()

    async def client() -> None:
        connection: _Client | None = None
        for request in waiting:
            if connection is None or connection.transport is None:
                _, connection = await loop.create_connection(_Client, host, port)
            begun = time.perf_counter()
            status = await connection.ask(request)
            latencies.append(time.perf_counter() - begun)
            statuses[status] = statuses.get(status, 0) + 1
        if connection is not None and connection.transport is not None:
            connection.transport.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return _summary(latencies, statuses, time.perf_counter() - begun)


def _request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = {"Host": parts.netloc, "Content-Type": "application/json", **headers}
    head = f"POST {target} HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    return (head + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode() + body


def _summary(latencies: list[float], statuses: dict[int, int], seconds: float) -> Load:
    good = sum(count for status, count in statuses.items() if 200 <= status < 300)
    return Load(
        requests=len(latencies),
        failures=len(latencies) - good,
        seconds=seconds,
        rate=good / seconds,
        p50_ms=percentile(latencies, 50) * 1000,
        p99_ms=percentile(latencies, 99) * 1000,
        statuses=statuses,
    )


def percentile(values: list[float], percent: float) -> float:
    """Return the value below which `percent` of the values lie (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
