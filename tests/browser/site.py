"""A served clinic in which everything has happened once, and every page of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from uuid import UUID

from playwright.sync_api import Page

from crm.accounts.models import Role
from crm.messaging.emails.ways_out import way_out
from tests.browser.signing_in import sign_in_as
from tests.support.callers import Caller
from tests.support.chromium import open_page
from tests.support.houses import House
from tests.support.neighbours import own_id
from tests.support.routes import Route, routes_of

Theme = Literal["light", "dark"]

# Addresses that are asked for by a page, and are none themselves; an email is shown in a frame.
NO_PAGES = {"sandbox:email", "openapi", "healthz", "readyz", "metrics", "accounts:live"}

# Behind an address that nobody knows before he is sent it.
SECRET = {"accounts:reset", "messaging:emails"}

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-Montgomery the Younger"
LONG_EMAIL = "first.middle.last.and.one.more.name@a-very-long-name-of-a-company.example"


class Site:
    """The pages of a house that is being served at its public address."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.base = house.runtime.settings.base_url

    def paths(self, role: Role = "owner") -> dict[str, str]:
        """Return the address of every page that a role reads, by the name of its route."""
        caller = Caller(self.house, role)
        found = {}
        for route in routes_of(self.house.app):
            if route.method == "GET" and route.name not in NO_PAGES and not route.is_by_key:
                path = caller.path(route, caller.own_ids(route))
                answer = caller.browser.get(path, params=self._needed(route))
                is_refused = answer.status_code == 403 and role != "owner"
                is_known = answer.status_code < 400 or route.name in SECRET or is_refused
                assert is_known, f"{path} answers {answer.status_code}"
                if "<html" in answer.text and answer.status_code == 200:
                    found[route.name] = str(answer.request.url.raw_path, "ascii")
        return found

    def _needed(self, route: Route) -> dict[str, str]:
        needed = (one for one in route.of("query") if one.field.is_required())
        return {one.name: own_id(self.house, one.name) or "" for one in needed}

    def strangers_paths(self) -> dict[str, str]:
        """Return the addresses that somebody sees who is not signed in."""
        email_id = own_id(self.house, "email_id")
        token = self.house.do(way_out, UUID(email_id))
        return {
            "accounts:sign_in": "/sign-in",
            "intake:form": f"/f/{self.house.form_key}",
            "messaging:emails": f"/u/{token}",
        }

    @contextmanager
    def opened(
        self,
        width: int,
        height: int = 900,
        theme: Theme = "light",
        role: Role | None = "owner",
        *,
        has_scripts: bool = True,
    ) -> Iterator[Page]:
        """Open a browser, signed in as somebody of a role."""
        with open_page(width, height, theme=theme, has_scripts=has_scripts) as page:
            if role is not None:
                sign_in_as(page, self.house, role)
            yield page

    def go(self, page: Page, path: str) -> None:
        """Load a page and wait until its parts and its letters are there."""
        page.goto(f"{self.base}{path}", wait_until="load")
        page.wait_for_selector(".htmx-request", state="detached")
        page.evaluate("() => document.fonts.ready.then(() => true)")
