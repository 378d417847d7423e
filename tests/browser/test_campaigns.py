"""A campaign is put together in a browser: its count follows what is chosen."""

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from automations.campaigns import actions
from automations.campaigns.audience import Audience
from automations.models import Automation
from crm.core.uow import UnitOfWork
from tests.browser.site import Site
from tests.browser.test_every_page import NARROW, widest
from tests.conftest import Drain
from tests.support.axe import violations
from tests.support.chromium import needs_chromium
from tests.support.houses import House
from tests.support.neighbours import live_through
from tests.support.served_houses import house, listening, settings

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.fixture
def site(house: House, drain: Drain) -> Site:
    """A clinic in the morning with a sequence that a campaign may start, served."""
    live_through(house, drain)
    house.ask("+12125550178", name="Casey Vale")
    drain()
    return Site(house)


def fill(page: Page) -> None:
    """Name a campaign and choose its sequence."""
    page.locator("#name").fill("Everybody in English")
    page.locator("#automation_id").select_option(label="Recall")


def test_the_count_follows_what_is_chosen_and_the_campaign_is_started(site: Site) -> None:
    with site.opened(1440) as page:
        site.go(page, "/campaigns/new")
        fill(page)
        reach = page.locator("#reach")
        expect(reach.locator(".figure")).to_contain_text("1 person")
        expect(reach).to_contain_text("Is in the sequence already")
        page.locator("#language").select_option("es")
        expect(reach.locator(".figure")).to_contain_text("0 people")
        page.locator("#language").select_option("en")
        expect(reach.locator(".figure")).to_contain_text("1 person")
        assert violations(page) == []
        page.get_by_role("button", name="Save as a draft").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Everybody in English")
        assert violations(page) == []
        page.set_viewport_size({"width": NARROW[0], "height": 900})
        assert widest(page) == NARROW[0]
        page.locator("summary", has_text="Start").click()
        page.get_by_role("button", name="Start it for 1 person").click()
        expect(page.locator("#progress")).to_contain_text("Gathering people")
        page.locator("summary", has_text="Stop").click()
        page.get_by_role("button", name="Stop it for good").click()
        expect(page.locator("#progress")).to_contain_text("Stopped")


def test_without_scripts_a_button_counts_and_nothing_is_lost(site: Site) -> None:
    with site.opened(390, has_scripts=False) as page:
        page.goto(f"{site.base}/campaigns/new")
        fill(page)
        page.get_by_role("button", name="Count").click()
        expect(page.locator("#reach .figure")).to_contain_text("1 person")
        expect(page.locator("#name")).to_have_value("Everybody in English")
        page.get_by_role("button", name="Save as a draft").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Everybody in English")


def test_a_draft_can_be_read_and_changed_on_every_screen(site: Site) -> None:
    campaign_id = site.house.do(_drafted)
    with site.opened(390, theme="dark") as page:
        for path in (f"/campaigns/{campaign_id}", f"/campaigns/{campaign_id}/edit"):
            site.go(page, path)
            assert violations(page) == []
            for width in NARROW:
                page.set_viewport_size({"width": width, "height": 900})
                assert widest(page) == width


def _drafted(uow: UnitOfWork) -> object:
    sequence = uow.session.scalars(
        select(col(Automation.id)).where(col(Automation.trigger_kind) == "campaign")
    ).one()
    draft = actions.Draft(
        "Everybody who has not been here " * 3, sequence, Audience(language="en"), 60, "hour"
    )
    return actions.draft_campaign(uow, draft).id
