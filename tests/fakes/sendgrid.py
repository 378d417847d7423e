"""A stand-in for SendGrid's API: it keeps each request, and answers as a test says."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

KEY = "SG." + "k" * 40
ALLOWED: Mapping[str, Any] = {
    "/v3/scopes": {"scopes": ["mail.send"]},
    "/v3/verified_senders": {"results": [{"from_email": "hi@clinic.example", "verified": True}]},
    "/v3/whitelabel/domains": [{"domain": "oak.example", "valid": True}],
}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """Its JSON."""
        told: dict[str, Any] = json.loads(self.raw)
        return told


@dataclass(frozen=True)
class Said:
    """One answer; `is_reset` breaks the connection instead, `is_silent` keeps it waiting."""

    status: int = 202
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_reset: bool = False
    is_silent: bool = False


class SendGridStandIn(ThreadingHTTPServer):
    """SendGrid on a free loopback port; what it took is in `accepted`, by attempt id."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.accepted: list[str] = []
        self.answer: Callable[[Asked], Said] = self.usual
        self.resources: dict[str, Any] = dict(ALLOWED)
        self.ended = Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def usual(self, asked: Asked) -> Said:
        """Answer as SendGrid does that works; the key must be the one it knows."""
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return Said(401, {"errors": [{"message": "unknown", "field": None}]})
        if asked.path == "/v3/mail/send":
            self.accepted.append(asked.body["personalizations"][0]["custom_args"]["attempt_id"])
            return Said(202, headers={"X-Message-Id": f"id-{len(self.accepted)}"})
        known = self.resources.get(asked.path)
        return known if isinstance(known, Said) else Said(200 if known is not None else 404, known)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SendGridStandIn

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers.items()), raw)
        self.server.asked.append(asked)
        said = self.server.answer(asked)
        if said.is_silent:
            self.server.ended.wait(5)
        if said.is_silent or said.is_reset:
            self.close_connection = True
            self.connection.close()
            return
        body = b"" if said.body is None else json.dumps(said.body).encode()
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test does."""


@contextmanager
def serving() -> Iterator[SendGridStandIn]:
    """Run a stand-in until the block ends."""
    with SendGridStandIn() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
