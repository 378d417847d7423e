"""Two pages on two web processes: what one does, the other shows without a reload."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm.core.runtime import Runtime
from tests.flows.conftest import app, house
from tests.support.browsing import PASSWORD
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House, email_of
from tests.support.webs import Web, Webs, open_webs

__all__ = ["app", "house"]

pytestmark = [pytest.mark.browser, needs_chromium]

OPEN = "body[data-stream=open]"


@pytest.fixture
def webs(house: House, runtime: Runtime, tmp_path: Path) -> Iterator[Webs]:
    """Two web processes."""
    with open_webs(house, runtime, tmp_path) as opened:
        yield opened


def sign_in(page: Page, web: Web, house: House) -> None:
    """Sign in at one process; the cookie is good for both."""
    page.goto(f"{web.url}/sign-in")
    page.get_by_label("Email").fill(email_of("front_desk", house.clinic))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url("**/pipeline*")


def show(page: Page, web: Web, path: str) -> None:
    """Open a page and wait until it listens."""
    page.goto(web.url + path)
    expect(page.locator(OPEN)).to_be_attached()


def test_what_one_page_does_the_other_shows(webs: Webs) -> None:
    house = webs.house
    lead_id = house.ask()
    with open_page() as mine:
        sign_in(mine, webs.one, house)
        theirs = mine.context.new_page()
        board = mine.context.new_page()
        show(theirs, webs.two, f"/leads/{lead_id}")
        show(board, webs.two, "/pipeline")
        expect(theirs.get_by_text("Moved from New to Contacted")).to_have_count(0)

        show(mine, webs.one, f"/leads/{lead_id}")
        mine.locator("summary", has_text="Move").first.click()
        mine.get_by_role("button", name="Move to Contacted").first.click()
        expect(mine.get_by_text("Moved from New to Contacted")).to_be_visible()

        expect(theirs.get_by_text("Moved from New to Contacted")).to_be_visible()
        contacted = board.get_by_role("region", name="Contacted")
        expect(contacted.get_by_role("link", name="Robin Vale", exact=True)).to_be_visible()


def test_a_page_catches_up_after_redis_and_its_process_were_away(webs: Webs) -> None:
    house = webs.house
    with open_page(may_complain=True) as page:
        sign_in(page, webs.two, house)
        show(page, webs.two, "/pipeline")
        webs.valkey.stop()
        webs.restart_two()
        house.ask()
        webs.valkey.start()
        link = page.get_by_role("link", name="Robin Vale", exact=True)
        expect(link).to_be_visible(timeout=60_000)


def test_who_is_signed_out_is_led_away_from_what_is_shown(webs: Webs) -> None:
    house = webs.house
    with open_page() as page:
        sign_in(page, webs.one, house)
        show(page, webs.one, "/pipeline")
        other = page.context.new_page()
        other.goto(f"{webs.two.url}/pipeline")
        other.locator("details", has_text="Sign out").locator("summary").click()
        other.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in*", timeout=60_000)


def test_tasks_requests_and_texts_show_everywhere(webs: Webs) -> None:
    house, title = webs.house, "Call the insurer back"
    with open_page() as mine:
        sign_in(mine, webs.one, house)
        tasks, board = mine.context.new_page(), mine.context.new_page()
        show(tasks, webs.two, "/tasks")
        show(board, webs.two, "/pipeline")
        expect(board.get_by_role("link", name="Robin Vale", exact=True)).to_have_count(0)

        mine.goto(f"{webs.one.url}/tasks/new")
        mine.get_by_label("What is to be done?").fill(title)
        mine.get_by_role("button", name="Add task").click()
        expect(tasks.get_by_role("link", name=title)).to_be_visible()
        show(mine, webs.one, "/tasks")
        mine.get_by_role("button", name=f"Done: {title}").click()
        expect(tasks.get_by_role("link", name=title)).to_have_count(0)

        lead_id = webs.ask()
        expect(board.get_by_role("link", name="Robin Vale", exact=True)).to_be_visible()
        expect(tasks.locator(".bell summary")).to_contain_text("1")
        show(board, webs.two, f"/leads/{lead_id}")
        expect(board.get_by_text("Hi Robin, this is")).to_have_count(0)
        webs.start_worker()
        expect(board.get_by_text("Hi Robin, this is").first).to_be_visible(timeout=60_000)
