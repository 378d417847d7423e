"""A signed-in HTTP client: keeps its cookies and its connection, as a browser does."""

import re
import time
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode, urlsplit

from crm.web.forms import CSRF_FIELD

_TOKEN = re.compile(rf'name="{CSRF_FIELD}" value="([^"]+)"')
_TOTAL = re.compile(r"total;dur=([\d.]+)")
_PATIENCE_S = 30


class Browser:
    """One browser of a member of the clinic's team; a context manager."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=_PATIENCE_S)
        self._cookies: dict[str, str] = {}
        self._origin = base_url
        self._token = ""
        self.sent_ns = 0
        self.took_ms = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def sign_in(self, email: str, password: str) -> None:
        """Sign in as somebody. Raises RuntimeError where that is refused."""
        self.get("/sign-in")
        self.post("/sign-in", {"email": email, "password": password, "next": "/pipeline"})
        self.get("/pipeline")

    def get(self, path: str) -> str:
        """Load a page, and remember its token for forms; `took_ms` is what the server says."""
        page = self._ask("GET", path, None, (200,))
        found = _TOKEN.search(page)
        self._token = found[1] if found else self._token
        return page

    def post(self, path: str, fields: dict[str, str], wanted: int = 303) -> None:
        """Send a form of the page that is open; `sent_ns` is when, on the monotonic clock."""
        body = urlencode({**fields, CSRF_FIELD: self._token})
        self.sent_ns = time.monotonic_ns()
        self._ask("POST", path, body, (wanted,))

    def _ask(self, method: str, path: str, body: str | None, wanted: tuple[int, ...]) -> str:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Origin": self._origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            answer = self._send(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError, RemoteDisconnected):
            # The server ended a connection that was idle for seconds; browsers open another one.
            self._connection.close()
            answer = self._send(method, path, body, headers)
        page = answer.read().decode()
        told = _TOTAL.search(answer.headers.get("Server-Timing", ""))
        self.took_ms = float(told[1]) if told else 0.0
        if answer.status not in wanted:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}")
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        return page

    def _send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> HTTPResponse:
        self._connection.request(method, path, body, headers)
        return self._connection.getresponse()
