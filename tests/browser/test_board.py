"""The board in a real browser: cards move by drag, by key and by menu, and nothing is lost."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect
from sqlmodel import col, select

from crm.contacts.models import Contact
from crm.core.uow import UnitOfWork
from pipelines.actions import Move, move_leads
from pipelines.models import Lead, Stage
from tests.browser.boards import Board, add_lead, open_board
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.served_houses import house, listening, settings

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]

PRESS = 0.35
"""For how many seconds a finger rests on a card to take it; the board waits 0.2."""

NAMES = ("Ana Mora", "Bea Kim", "Cleo Park")


@pytest.fixture(autouse=True)
def leads(house: House) -> None:
    """Three new leads, the last one on top."""
    for name in NAMES:
        house.do(add_lead, name)


@pytest.fixture
def board(house: House) -> Iterator[Board]:
    """The board of somebody of the front desk."""
    with open_page(1440, 900, may_complain=True) as page:
        yield open_board(page, house, house.runtime.settings.base_url)


def test_a_card_is_dragged_to_another_stage_and_back_by_undo(board: Board) -> None:
    board.shows("New", "Cleo Park", "Bea Kim", "Ana Mora")
    board.drag("Bea Kim", "Contacted")
    board.says("Moved to Contacted.")
    board.shows("Contacted", "Bea Kim")
    board.shows("New", "Cleo Park", "Ana Mora")
    assert board.stands("Bea Kim") == "Contacted"
    board.page.get_by_role("button", name="Undo").click()
    board.shows("New", "Cleo Park", "Bea Kim", "Ana Mora")
    board.shows("Contacted")
    assert board.stands("Bea Kim") == "New"


def test_a_clock_runs_out_before_ones_eyes(board: Board) -> None:
    left = {
        "Ana Mora": timedelta(days=-3, minutes=-1),
        "Bea Kim": timedelta(seconds=4),
        "Cleo Park": timedelta(hours=2, minutes=5, seconds=50),
    }

    def wait(uow: UnitOfWork) -> None:
        names = {one.id: one.name for one in uow.session.scalars(select(Contact))}
        for lead in uow.session.scalars(select(Lead)):
            lead.reply_due_at = uow.now + left[names[lead.contact_id]]

    board.house.do(wait)
    board.hears()
    clock = board.card("Bea Kim").locator(".due")
    expect(clock).to_contain_text("Reply due in 0:0")
    expect(clock).to_have_text(re.compile("late 0:0[1-9]"))
    expect(clock).to_have_class(re.compile("due-late"))
    for name, words in (("Ana Mora", "late 3 d"), ("Cleo Park", "Reply due in 2 h 5 m")):
        expect(board.card(name).locator(".due")).to_contain_text(words)
    # The server says the same, and the chip counts it.
    board.page.reload()
    expect(board.card("Bea Kim").locator(".due")).to_contain_text("late 0:")
    board.page.get_by_role("link", name="Late 2").click()
    board.shows("New", "Bea Kim", "Ana Mora")


def test_a_card_is_dragged_to_another_place_and_stays_there(board: Board) -> None:
    board.card("Ana Mora").drag_to(board.card("Cleo Park"), target_position={"x": 60, "y": 4})
    board.shows("New", "Ana Mora", "Cleo Park", "Bea Kim")
    expect(board.page.locator(".lead-moving")).to_have_count(0)
    board.page.reload()
    board.shows("New", "Ana Mora", "Cleo Park", "Bea Kim")


def test_cards_are_moved_by_keys_alone(board: Board) -> None:
    keys = board.page.keyboard
    keys.press("ArrowDown")
    expect(board.name("Cleo Park")).to_be_focused()
    keys.press("ArrowDown")
    expect(board.name("Bea Kim")).to_be_focused()
    keys.press("Shift+ArrowRight")
    board.shows("Contacted", "Bea Kim")
    expect(board.name("Bea Kim")).to_be_focused()
    keys.press("ArrowLeft")
    keys.press("Shift+ArrowDown")
    board.shows("New", "Ana Mora", "Cleo Park")
    keys.press("z")
    board.shows("New", "Bea Kim", "Ana Mora", "Cleo Park")
    board.name("Ana Mora").focus()
    keys.press("Enter")
    expect(board.page.get_by_role("heading", level=1)).to_contain_text("Ana Mora")


def test_a_card_is_moved_by_its_menu_and_a_loss_asks_why(board: Board) -> None:
    board.page.get_by_role("link", name="Move Bea Kim").click()
    board.page.get_by_role("button", name="Considering").click()
    board.shows("Considering", "Bea Kim")
    board.name("Bea Kim").focus()
    board.page.keyboard.press("m")
    board.page.get_by_role("button", name="Price").click()
    board.shows("Lost", "Bea Kim")
    assert board.stands("Bea Kim") == "Lost"


def test_a_loss_without_a_reason_goes_back(board: Board) -> None:
    board.drag("Bea Kim", "Lost")
    expect(board.page.get_by_role("button", name="Price")).to_be_visible()
    expect(board.page.get_by_role("button", name="Contacted")).to_be_hidden()
    board.page.keyboard.press("Escape")
    board.shows("New", "Cleo Park", "Bea Kim", "Ana Mora")
    board.drag("Bea Kim", "Lost")
    board.page.get_by_role("button", name="Price").click()
    board.shows("Lost", "Bea Kim")


def test_a_move_that_was_overtaken_is_put_back_and_says_so(board: Board) -> None:
    board.hears_nothing()
    book(board.house, "Bea Kim")
    board.drag("Bea Kim", "Contacted")
    board.says("Changed by someone else. It was put back.")
    board.shows("Booked", "Bea Kim")
    board.shows("Contacted")
    assert board.stands("Bea Kim") == "Booked"


def test_a_menu_that_stood_open_while_others_moved_the_card_moves_nothing(board: Board) -> None:
    board.hears_nothing()
    errors: list[str] = []
    board.page.on("pageerror", lambda error: errors.append(str(error)))
    board.page.get_by_role("link", name="Move Bea Kim").click()
    expect(board.page.get_by_role("button", name="Contacted")).to_be_visible()
    board.hears(book(board.house, "Bea Kim"))
    expect(board.column("Booked").locator(".lead-card")).to_have_count(1)
    board.page.get_by_role("button", name="Contacted").click()
    board.says_only("Changed by someone else. It was put back.")
    board.shows("Booked", "Bea Kim")
    board.shows("Contacted")
    assert board.stands("Bea Kim") == "Booked"
    expect(board.name("Bea Kim")).to_be_focused()
    assert errors == []


def test_a_card_that_others_moved_while_its_loss_was_explained_stays_there(board: Board) -> None:
    board.hears_nothing()
    errors: list[str] = []
    board.page.on("pageerror", lambda error: errors.append(str(error)))
    move_by_key_to_lost(board, "Bea Kim")
    board.hears(book(board.house, "Bea Kim"))
    board.shows("Booked", "Bea Kim")
    board.page.get_by_role("button", name="Price").click()
    board.says_only("Changed by someone else. It was put back.")
    board.shows("Booked", "Bea Kim")
    board.shows("Lost")
    assert errors == []


def move_by_key_to_lost(board: Board, name: str) -> None:
    """Put somebody's card beside "Lost" and then into it by its key; the page asks why."""
    row = [stage.name for stage in board.house.all(Stage)]
    before = row[row.index("Lost") - 1]
    board.drag(name, before)
    board.shows(before, name)
    board.name(name).focus()
    board.page.keyboard.press("Shift+ArrowRight")
    expect(board.page.get_by_role("button", name="Price")).to_be_visible()


def test_a_card_stays_in_the_hand_that_drags_it_while_others_move_it(board: Board) -> None:
    board.hears_nothing()
    board.card("Bea Kim").hover()
    board.page.mouse.down()
    board.column("Considering").get_by_role("list").hover()
    lead_id = book(board.house, "Bea Kim")
    board.hears(lead_id)
    # The counts are told while the card stays in the hand.
    expect(board.column("Booked").locator(".stage-count")).to_have_text("1 lead")
    board.column("Contacted").get_by_role("list").hover()
    board.page.mouse.up()
    board.says("Changed by someone else. It was put back.")
    board.shows("Booked", "Bea Kim")


def book(house: House, name: str) -> UUID:
    """Let somebody else move a lead to "Booked"; return its id."""
    [booked] = house.all(Stage, col(Stage.name) == "Booked")
    [contact] = house.all(Contact, col(Contact.name) == name)
    [lead] = house.all(Lead, col(Lead.contact_id) == contact.id)
    house.do(move_leads, [Move(lead.id, booked.id)])
    return lead.id


def test_what_others_do_shows_without_a_reload(board: Board) -> None:
    board.name("Ana Mora").focus()
    board.hears(book(board.house, "Bea Kim"))
    board.shows("Booked", "Bea Kim")
    board.shows("New", "Cleo Park", "Ana Mora")
    board.hears(board.house.do(add_lead, "Dora Lund"))
    board.shows("New", "Dora Lund", "Cleo Park", "Ana Mora")
    expect(board.name("Ana Mora")).to_be_focused()
    expect(board.page.get_by_role("link", name="Unread")).to_have_text("Unread 0")
    board.house.do(add_unread, "Elsa Roy")
    board.hears()
    expect(board.page.get_by_role("link", name="Unread")).to_have_text("Unread 1")
    board.shows("New", "Elsa Roy", "Dora Lund", "Cleo Park", "Ana Mora")


def add_unread(uow: UnitOfWork, name: str) -> UUID:
    """Make a lead of somebody who wrote what nobody has read, told of at once."""
    lead_id = add_lead(uow, name)
    uow.get(Lead, lead_id).unread_at = uow.now
    return lead_id


def test_a_stage_brings_its_next_leads_as_one_scrolls(house: House) -> None:
    for number in range(60):
        house.do(add_lead, f"Lead {number}")
    with open_page(1440, 900) as page:
        board = open_board(page, house, house.runtime.settings.base_url)
        new = board.column("New")
        expect(new.locator(".lead-card")).to_have_count(25)
        for count in (50, 63):
            new.get_by_role("list").evaluate("list => list.scrollTo(0, list.scrollHeight)")
            expect(new.locator(".lead-card")).to_have_count(count)
        expect(new.get_by_role("link", name="More leads in this stage")).to_have_count(0)


def test_a_filter_is_a_chip_and_who_comes_to_match_ends_that_nobody_does(board: Board) -> None:
    board.page.goto(f"{board.page.url.split('?')[0]}?unread=1")
    nobody = board.page.get_by_text("No leads match.")
    expect(nobody).to_be_visible()
    expect(board.column("New").get_by_text("None matches.")).to_be_visible()
    board.hears(board.house.do(add_unread, "Dora Lund"))
    board.shows("New", "Dora Lund")
    expect(nobody).to_be_hidden()
    board.page.get_by_role("link", name="Remove the filter Unread").click()
    board.shows("New", "Dora Lund", "Cleo Park", "Bea Kim", "Ana Mora")


@pytest.fixture
def phone(house: House) -> Iterator[Board]:
    """The board on a phone that is touched."""
    with open_page(390, 844, has_touch=True) as page:
        yield open_board(page, house, house.runtime.settings.base_url)


def test_on_a_phone_a_card_moves_by_its_menu_and_the_board_stays(phone: Board) -> None:
    phone.page.get_by_role("link", name="Move Bea Kim").tap()
    expect(phone.page.get_by_role("button", name="Contacted")).to_be_visible()
    window = phone.page.get_by_role("dialog").bounding_box()
    assert window is not None
    assert window["height"] < 700
    assert abs(2 * window["y"] + window["height"] - 844) < 4
    phone.page.get_by_role("button", name="Contacted").tap()
    phone.says("Moved to Contacted.")
    phone.shows("Contacted", "Bea Kim")
    expect(phone.name("Bea Kim")).to_be_focused()
    assert phone.scrolled() == 0
    phone.page.get_by_role("button", name="Undo").tap()
    phone.shows("New", "Cleo Park", "Bea Kim", "Ana Mora")
    assert phone.scrolled() == 0
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390


def test_on_a_phone_why_a_lead_is_lost_is_chosen_with_a_finger(phone: Board) -> None:
    phone.name("Bea Kim").tap()
    phone.page.get_by_text("Move", exact=True).tap()
    assert height_of(phone.page.get_by_label("Why is it lost?")) >= 44


def test_a_held_card_is_dragged_by_a_finger_and_a_swipe_scrolls(phone: Board) -> None:
    for number in range(12):
        phone.house.do(add_lead, f"Lead {number}")
    phone.page.reload()
    phone.touch("Lead 9", by=(180, 0), held_for=PRESS)
    phone.says("Moved to Contacted.")
    assert phone.stands("Lead 9") == "Contacted"
    phone.shows("Contacted", "Lead 9")

    phone.touch("Lead 8", by=(0, -300), held_for=0)
    expect(phone.page.locator(".lead-moving, .lead-ghost")).to_have_count(0)
    cards = phone.column("New").get_by_role("list")
    assert cards.evaluate("list => list.scrollTop") > 100
    assert phone.stands("Lead 8") == "New"


def height_of(part: Locator) -> float:
    """Return how high something is."""
    box = part.bounding_box()
    assert box is not None
    return box["height"]
