"""A real Chromium for tests: skipped where there is none, unless `REQUIRE_BROWSER` is set."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from crm.core.settings import LOOPBACK

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def program() -> str | None:
    """Return Chromium's path, None where it is not installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


needs_chromium = pytest.mark.skipif(
    program() is None and not os.environ.get("REQUIRE_BROWSER"),
    reason="chromium is not installed (apt install chromium)",
)


_TELL_REFUSALS = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `refused by ${event.violatedDirective}: ${event.blockedURI} on ${location.pathname}`
));
"""


_LEFT = ("htmx:afterRequest", "htmx:sendAbort")
"""What htmx says of a request that was under way when the page was left; a failed one says more."""


@contextmanager
def open_page(
    width: int = 1280,
    height: int = 800,
    *,
    theme: Literal["light", "dark"] = "light",
    has_scripts: bool = True,
    has_touch: bool = False,
    may_complain: bool = False,
) -> Iterator[Page]:
    """Open a page that reaches loopback only; what it logs or asks of others fails the test, and
    so does what its content policy refuses.

    `may_complain` is for a page whose server goes away; `has_touch` is a phone's.
    """
    complaints: list[str] = []

    def only_loopback(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            complaints.append(f"asked for {route.request.url}")
            route.abort()

    path = program()
    assert path is not None, "REQUIRE_BROWSER is set and there is no Chromium"
    switches = [*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=Path(path), chromium_sandbox=False, args=switches
        )
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            java_script_enabled=has_scripts,
            has_touch=has_touch,
            is_mobile=has_touch,
            user_agent=playwright.devices["Pixel 7"]["user_agent"] if has_touch else None,
        )
        context.route("**/*", only_loopback)
        context.add_init_script(_TELL_REFUSALS)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    complaints = [one for one in complaints if not one.startswith(_LEFT)]
    assert may_complain or not complaints, complaints
