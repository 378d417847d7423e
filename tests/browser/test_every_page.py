"""Every page in a real browser: whoever uses it, on whatever screen, with whatever theme."""

from collections.abc import Mapping
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from crm.accounts.models import Role
from tests.browser.site import LONG_EMAIL, LONG_NAME, Site, Theme
from tests.conftest import Drain
from tests.support.axe import violations
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.neighbours import live_through
from tests.support.served_houses import house, listening, settings
from tests.support.weighing import Scales

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]

MOST_KB, MOST_SCRIPT_KB, MOST_NODES, MOST_SHIFT = 170, 60, 4_000, 0.05
WIDTHS = (390, 768, 1440)
NARROW = (320, 640)
"""The narrowest phone, and a screen of 1280 points at 200 %."""

SHARES = 4


@pytest.fixture
def site(house: House, drain: Drain) -> Site:
    """A clinic in the morning in which everything has happened once, served."""
    live_through(house, drain)
    house.ask("+12125550178", name=LONG_NAME, email=LONG_EMAIL)
    return Site(house)


@pytest.mark.parametrize("share", range(SHARES))
def test_everybody_can_use_every_page_on_every_screen(site: Site, share: int) -> None:
    wrong: dict[str, list[str]] = {}
    strangers = site.strangers_paths()
    known = list(site.paths().items())[share::SHARES]
    with site.opened(1440) as page:
        for name, path in known:
            _look(site, page, path, wrong.setdefault(name, []))
    with site.opened(1440, role=None) as page:
        for name, path in list(strangers.items())[share::SHARES]:
            _look(site, page, path, wrong.setdefault(name, []))

    assert told(wrong) == ""


def _look(site: Site, page: Page, path: str, wrong: list[str]) -> None:
    """Look at a page in both themes at all widths; what is wrong is added."""
    site.go(page, path)
    for theme in get_args(Theme):
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wrong += violations(page)
    for width in NARROW:
        page.set_viewport_size({"width": width, "height": 900})
        if widest(page) > width:
            wrong.append(f"scrolls sideways at {width}")


def test_each_page_keeps_to_its_budget(site: Site) -> None:
    over = {}
    with site.opened(1440) as page:
        scales = Scales(page)
        for name, path in site.paths().items():
            weight = scales.weigh(f"{site.base}{path}")
            keeps = (
                weight.kb <= MOST_KB
                and weight.script_kb <= MOST_SCRIPT_KB
                and weight.nodes <= MOST_NODES
                and weight.cls <= MOST_SHIFT
            )
            over |= {} if keeps else {name: weight}

    assert over == {}


@pytest.mark.parametrize("role", ["front_desk", "marketer", "provider"])
def test_no_page_of_anybody_complains(site: Site, role: Role) -> None:
    """What a page says on the console fails it, `open_page` sees to that."""
    known = site.paths(role)
    assert "pipelines:lead" in known
    with site.opened(1440, role=role) as page:
        for path in known.values():
            site.go(page, path)
            expect(page.locator("h1").first).to_be_visible()


def test_a_lead_is_written_down_found_and_moved_without_scripts(site: Site) -> None:
    with site.opened(1440, has_scripts=False) as page:
        page.goto(f"{site.base}/leads/new")
        page.locator("#lead-name").fill("Avery Stone")
        page.locator("#lead-phone").fill("(212) 555-0187")
        page.get_by_role("checkbox", name="They agree to get texts").check()
        page.get_by_role("button", name="Save lead").click()

        page.goto(f"{site.base}/search")
        page.locator("[name=q]").last.fill("0187")
        page.locator("[name=q]").last.press("Enter")
        page.get_by_role("link", name="Avery Stone").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Avery Stone")

        page.locator("summary", has_text="Move").first.click()
        page.get_by_role("button", name="Move to Contacted").first.click()
        expect(page.locator("main")).to_contain_text("Moved to Contacted.")

        page.goto(f"{site.base}/tasks/new")
        page.get_by_label("What is to be done?").fill("Call about Monday")
        page.locator("main").get_by_role("button", name="Add task").click()
        expect(page.locator("main")).to_contain_text("Call about Monday")


def test_the_pages_are_seen(site: Site) -> None:
    assert {"pipelines:pipeline", "pipelines:lead", "accounts:sessions"} <= site.paths().keys()


def test_the_browser_tells_what_is_wrong(site: Site) -> None:
    """Without this, a test that sees nothing would look as if nothing were wrong."""
    with open_page(NARROW[0], may_complain=True) as page:
        page.goto(f"{site.base}/sign-in")
        page.evaluate(
            "document.body.innerHTML = '<div><img src=x><p>wide</p></div>';"
            "document.querySelector('p').style.width = '999px'"
        )

        assert any("image-alt" in found for found in violations(page))
        assert widest(page) > NARROW[0]


def told(wrong: Mapping[str, list[str]]) -> str:
    """Return what is wrong, each with the pages where it is."""
    where: dict[str, list[str]] = {}
    for name, found in wrong.items():
        for one in dict.fromkeys(found):
            where.setdefault(one, []).append(name)
    return "\n".join(f"{one} on {', '.join(names)}" for one, names in where.items())


def widest(page: Page) -> int:
    """Return how wide the page is, with what one would have to scroll to."""
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width
