"""Browsers as tests drive them: they keep cookies, say where they come from, and fill in forms."""

import atexit
import re
from contextlib import ExitStack
from functools import cache
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from httpx2 import Response
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.testclient import TestClient

ORIGIN = "https://testserver"
PASSWORD = "seven grey herons fly"
EMAIL = "kim@riverside.example"


class CountingHasher(Argon2Hasher):
    """Argon2id at its cheapest, which counts how often it verified."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        """Verify, and count it."""
        self.verified += 1
        return super().verify(password, hash)


class Browser(TestClient):
    """A browser: it keeps cookies, says where its posts come from, and sends what forms hold."""

    def submit(self, page: str, action: str, /, **fields: str) -> Response:
        """Load a page, take the hidden fields of its guard, and post a form to an address."""
        return self.post_form(action, self.guards(page), **fields)

    def post_form(self, action: str, guards: dict[str, str], /, **fields: str) -> Response:
        """Post a form with guards taken earlier."""
        return self.post(
            action, data={**guards, **fields}, headers={"Sec-Fetch-Site": "same-origin"}
        )

    def guards(self, page: str) -> dict[str, str]:
        """Return the hidden fields that stand in a page."""
        return hidden_fields(self.get(page).text, "csrf_token|page_clinic_id")

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> Response:
        """Fill the sign-in form."""
        return self.submit("/sign-in", "/sign-in", email=email, password=password, **fields)

    @property
    def token(self) -> str | None:
        """The login's cookie."""
        return self.cookies.get("__Host-frontdesk")


def open_browser(app: FastAPI, ip: str = "203.0.113.7", **options: Any) -> Browser:
    """Return a browser that nobody is signed in with; errors of the server are answers to it."""
    browser = Browser(
        app,
        **{
            "base_url": ORIGIN,
            "follow_redirects": False,
            "raise_server_exceptions": False,
            "client": (ip, 50000),
            "headers": {"User-Agent": "Probe/1.0", "Accept": "text/html"},
            **options,
        },
    )
    browser.portal = _shared_loop()
    return browser


@cache
def _shared_loop() -> BlockingPortal:
    """Return an event loop in a thread for all browsers: one for each request takes a while."""
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(start_blocking_portal())


def hidden_fields(html: str, names: str = r"[\w.]+") -> dict[str, str]:
    """Return the hidden fields of a page by name; of several with a name the last."""
    return dict(re.findall(rf'name="({names})" value="([^"]*)"', html))
