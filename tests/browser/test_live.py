"""Two pages on two web processes: what one does, the other shows without a reload."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm.core.runtime import Runtime
from tests.browser.boards import Board, open_board
from tests.flows.conftest import app, house
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import NAME, House
from tests.support.webs import Web, Webs, open_webs

__all__ = ["app", "house"]

pytestmark = [pytest.mark.browser, needs_chromium]

OPEN = "body[data-stream=open]"


@pytest.fixture
def webs(house: House, runtime: Runtime, tmp_path: Path) -> Iterator[Webs]:
    """Two web processes."""
    with open_webs(house, runtime, tmp_path) as opened:
        yield opened


@pytest.fixture
def boards(webs: Webs) -> Iterator[tuple[Board, Board]]:
    """The boards of two people, each in a browser of his own at a process of its own."""
    webs.house.ask()
    with open_page(may_complain=True) as page:
        assert page.context.browser is not None
        other = page.context.browser.new_page()
        mine, theirs = webs.one.url, webs.two.url
        yield open_board(page, webs.house, mine), open_board(other, webs.house, theirs)


def show(page: Page, web: Web, path: str) -> None:
    """Open a page and wait until it listens."""
    page.goto(web.url + path)
    expect(page.locator(OPEN)).to_be_attached()


def test_what_one_page_does_the_other_shows(webs: Webs) -> None:
    house = webs.house
    lead_id = house.ask()
    with open_page() as mine:
        open_board(mine, house, webs.one.url)
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


def test_a_menu_that_is_open_stays_open_under_others_news(webs: Webs) -> None:
    house = webs.house
    lead_id = house.ask()
    with open_page() as mine:
        open_board(mine, house, webs.one.url)
        theirs = mine.context.new_page()
        show(theirs, webs.two, f"/leads/{lead_id}")
        show(mine, webs.one, f"/leads/{lead_id}")
        theirs.locator("summary", has_text="Move").first.click()
        head = theirs.locator("#lead-head").element_handle()

        mine.locator("summary", has_text="Move").first.click()
        mine.get_by_role("button", name="Move to Considering").first.click()
        expect(theirs.locator("[aria-current=step]")).to_have_text("Considering")
        theirs.wait_for_function("head => !head.isConnected", arg=head)
        expect(mine.get_by_role("button", name="Move to Contacted").first).to_be_hidden()
        theirs.get_by_role("button", name="Move to Contacted").first.click()
        expect(mine.locator("[aria-current=step]")).to_have_text("Contacted")


def test_each_of_two_moves_a_card_and_takes_it_back_before_the_others_eyes(
    boards: tuple[Board, Board],
) -> None:
    for mine, theirs in (boards, boards[::-1]):
        expect(theirs.page.locator(OPEN)).to_be_attached()
        mine.name(NAME).focus()
        mine.page.keyboard.press("Shift+ArrowRight")
        mine.says("Moved to Contacted.")
        theirs.shows("Contacted", NAME)
        mine.page.keyboard.press("z")
        for board in (mine, theirs):
            board.shows("New", NAME)
            board.shows("Contacted")


def test_of_two_who_move_a_card_at_once_one_wins_and_the_other_is_told(
    boards: tuple[Board, Board],
) -> None:
    mine, theirs = boards
    theirs.hears_nothing()  # Not in time, that is.
    mine.name(NAME).focus()
    mine.page.keyboard.press("Shift+ArrowRight")
    mine.says("Moved to Contacted.")
    theirs.page.get_by_role("link", name=f"Move {NAME}").click()
    theirs.page.get_by_role("button", name="Booked").click()
    theirs.says("Changed by someone else. It was put back.")
    theirs.shows("Contacted", NAME)
    mine.shows("Contacted", NAME)
    assert mine.stands(NAME) == "Contacted"


def test_a_page_catches_up_after_redis_and_its_process_were_away(webs: Webs) -> None:
    house = webs.house
    with open_page(may_complain=True) as page:
        open_board(page, house, webs.two.url)
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
        open_board(page, house, webs.one.url)
        show(page, webs.one, "/pipeline")
        other = page.context.new_page()
        other.goto(f"{webs.two.url}/pipeline")
        other.locator("details", has_text="Sign out").locator("summary").click()
        other.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in*", timeout=60_000)


def test_tasks_requests_and_texts_show_everywhere(webs: Webs) -> None:
    house, title = webs.house, "Call the insurer back"
    with open_page() as mine:
        open_board(mine, house, webs.one.url)
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
