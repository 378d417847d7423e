"""A small HTTP/1.1 server over asyncio: quick enough to stand at the far end of a bench."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass
class Request:
    """One request as it arrived, with the instant of its first byte."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    begun_ns: int = 0
    begun_at: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What goes back after `delay_s`: an answer, a reset connection, or nothing at all."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    is_reset: bool = False
    is_silent: bool = False


Answer = Callable[[Request], Reply]

_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_LINGER_OFF = struct.pack("ii", 1, 0)


class HttpConnection(asyncio.Protocol):
    """One connection with keep-alive; requests are answered one after the other."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport: a late answer has nowhere to go."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a malformed request closes the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    def on_message_begin(self) -> None:
        """Note when the request began."""
        self._request = Request(begun_ns=time.monotonic_ns(), begun_at=time.time())

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        self._request.target += url.decode("ascii", "replace")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header, its name in small letters."""
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._request.body += body

    def on_message_complete(self) -> None:
        """Ask for the reply and send it when its delay is over."""
        self._request.method = self._parser.get_method().decode("ascii")
        reply = self._answer(self._request)
        if reply.delay_s:
            asyncio.get_running_loop().call_later(reply.delay_s, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        if self._transport is None or reply.is_silent:
            return
        if reply.is_reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
            self._transport.abort()
            return
        head = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Status')}\r\n"
        for name, value in reply.headers:
            head += f"{name}: {value}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(reply.body)}\r\n\r\n"
        self._transport.write(head.encode("latin-1") + reply.body)
        if not self._parser.should_keep_alive():
            self._transport.close()
