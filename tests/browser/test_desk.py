"""The front desk's everyday in a real browser: by keyboard, on a phone, and without scripts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from crm.accounts.models import Role
from tests.browser.hands import Hands
from tests.browser.signing_in import sign_in_to_demo
from tests.support.chromium import needs_chromium, open_page

LEAD = re.compile(r"/leads/[0-9a-f-]{36}")
pytestmark = [pytest.mark.browser, needs_chromium]


def lead_is_shown(page: Page, name: str) -> None:
    page.wait_for_url(LEAD)
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def write_down(page: Page, name: str, phone: str, *, by_touch: bool = False) -> int:
    """Take a walk-in down with consent; return what that took beside the typing."""
    hands = Hands(page)
    if by_touch:
        hands.click(page.get_by_role("link", name="New lead").first)
    else:
        hands.press("n")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    hands.type(name)
    hands.press("Tab")
    hands.type(phone)
    hands.press("Tab", "Tab")
    expect(page.get_by_role("checkbox", name="They agree to get texts")).to_be_focused()
    hands.press("Space", "Enter")
    lead_is_shown(page, name)
    return hands.count


def set_task(page: Page, title: str) -> None:
    """Set a task for today, from wherever there is a button for it."""
    page.get_by_role("link", name="Add task").click()
    expect(page.get_by_label("What is to be done?")).to_be_focused()
    page.keyboard.type(title)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("link", name=title)).to_be_visible()


def tick(page: Page, title: str) -> Any:
    return page.get_by_role("button", name=f"Done: {title}")


def read_notices(page: Page) -> None:
    """See whatever is new from others' stories."""
    bell = page.locator("summary", has=page.locator("#count-notices"))
    bell.click()
    expect(page.locator("#count-notices")).to_be_hidden()
    bell.click()


@contextmanager
def at_the_desk(
    info: dict[str, Any], width: int = 1280, role: Role = "front_desk", **options: Any
) -> Iterator[Page]:
    with open_page(width, **options) as page:
        sign_in_to_demo(page, info, role)
        yield page


@pytest.mark.parametrize(
    ("width", "name", "digits"), [(1280, "Ana Vale", "0111"), (390, "Bea Vale", "0112")]
)
def test_a_walk_in_is_written_down_given_a_task_and_found(
    info: dict[str, Any], width: int, name: str, digits: str
) -> None:
    with at_the_desk(info, width) as page:
        by_touch = width < 500
        assert write_down(page, name, f"(212) 555-{digits}", by_touch=by_touch) <= 25
        expect(page.get_by_text("Consent given")).to_be_visible()
        set_task(page, "Verify insurance")

        page.goto(f"{info['base_url']}/tasks")
        hands = Hands(page)
        if by_touch:
            hands.click(page.get_by_role("link", name="Search name, phone, email"))
        else:
            hands.press("Control+k")
        hands.type(digits)
        hands.press("Enter")
        lead_is_shown(page, name)
        assert hands.count == 2


def test_a_tick_is_taken_back_by_a_key_and_seen_on_another_screen(info: dict[str, Any]) -> None:
    with at_the_desk(info) as page, page.context.browser.new_context() as other:  # type: ignore[union-attr]
        write_down(page, "Cleo Vale", "(212) 555-0113")
        set_task(page, "Send the plan")
        page.goto(f"{info['base_url']}/tasks")
        colleague = other.new_page()
        sign_in_to_demo(colleague, info, "manager")
        colleague.goto(f"{info['base_url']}/tasks?whose=all")
        expect(tick(colleague, "Send the plan")).to_be_visible()

        tick(page, "Send the plan").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 task is done.")).to_be_visible()
        expect(tick(page, "Send the plan")).to_have_count(0)
        expect(tick(colleague, "Send the plan")).to_have_count(0)
        page.keyboard.press("z")
        expect(tick(page, "Send the plan")).to_be_visible()
        expect(tick(colleague, "Send the plan")).to_be_visible()


def test_somebody_reads_spanish_and_another_zones_times(info: dict[str, Any]) -> None:
    with at_the_desk(info, role="marketer") as page:
        page.goto(f"{info['base_url']}/settings/profile")
        page.get_by_label("Language").select_option("Español")
        page.get_by_role("button", name="Save profile").click()
        expect(page.get_by_text("Se guardó su perfil.")).to_be_visible()
        page.get_by_label("Zona horaria").select_option("America/Los Angeles")
        page.get_by_role("button", name="Guardar el perfil").click()
        page.get_by_role("link", name="Embudo").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")


def test_several_tasks_are_done_at_once(info: dict[str, Any]) -> None:
    with at_the_desk(info) as page:
        page.goto(f"{info['base_url']}/tasks")
        for title in ("Call the lab", "Order gloves"):
            page.get_by_role("link", name="Add task").first.click()
            expect(page.get_by_label("What is to be done?")).to_be_focused()
            page.keyboard.type(title)
            page.keyboard.press("Enter")
            expect(page.get_by_role("link", name=title)).to_be_visible()
        page.get_by_role("link", name="Select several").click()
        done = page.get_by_role("button", name="Mark as done")
        expect(done).to_be_disabled()
        for title in ("Call the lab", "Order gloves"):
            page.get_by_role("checkbox", name=title).check()
        done.click()
        expect(page.get_by_text("2 tasks are done.")).to_be_visible()
        expect(page.get_by_role("checkbox", name="Order gloves")).to_have_count(0)


def test_a_wrong_entry_stands_in_the_window_with_what_is_wrong(info: dict[str, Any]) -> None:
    with at_the_desk(info, may_complain=True) as page:  # of the 422
        page.keyboard.press("n")
        expect(page.get_by_role("textbox", name="Name")).to_be_focused()
        page.keyboard.type("Robin Vale")
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Phone")).to_be_focused()
        expect(page.get_by_text("Give a phone number or an email address")).to_be_visible()
        expect(page.get_by_role("textbox", name="Name")).to_have_value("Robin Vale")
        agrees = page.get_by_role("checkbox", name="They agree to get texts")
        agrees.check()
        page.get_by_label("Their language").select_option("es")
        expect(agrees).not_to_be_checked()
        expect(page.get_by_text("puede enviarme mensajes de texto")).to_be_visible()
        expect(page.get_by_text("may text me at this number")).to_be_hidden()
        # Nothing is lost by a key: it is asked first.
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Go on writing").click()
        expect(page.get_by_role("textbox", name="Name")).to_have_value("Robin Vale")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Throw it away").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("?")
        expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()


def test_a_server_that_is_away_or_slow_is_told_as_long_as_it_is(info: dict[str, Any]) -> None:
    with at_the_desk(info, may_complain=True) as page:  # of what is not answered
        page.goto(f"{info['base_url']}/tasks")
        page.get_by_role("link", name="Add task").first.click()
        page.get_by_label("What is to be done?").fill("Order wire")
        button = page.get_by_role("dialog").get_by_role("button", name="Add task")
        page.route("**/tasks", lambda route: route.abort())
        button.click()
        expect(page.get_by_text("Check the connection")).to_be_visible()
        expect(button).not_to_have_attribute("aria-busy", "true")

        page.unroute("**/tasks")
        held: list[Route] = []
        page.route("**/tasks", lambda route: held.append(route), times=1)
        button.click()
        expect(button).to_have_attribute("aria-busy", "true")
        held[0].continue_()
        expect(page.get_by_role("link", name="Order wire")).to_be_visible()
        expect(page.get_by_text("Check the connection")).to_have_count(0)


def test_the_bell_tells_of_a_request_and_forgets_it(info: dict[str, Any]) -> None:
    with at_the_desk(info) as page, page.context.browser.new_context() as other:  # type: ignore[union-attr]
        read_notices(page)
        patient = other.new_page()
        patient.goto(f"{info['base_url']}/f/{info['form_key']}")
        patient.get_by_label("Your name").fill("Casey Vale")
        patient.get_by_label("Phone").fill("(212) 555-0177")
        patient.get_by_role("button", name="Send request").click()
        expect(page.locator("#count-notices")).to_have_text("1")
        page.locator("summary", has=page.locator("#count-notices")).click()
        expect(page.get_by_role("link", name="Casey Vale New request")).to_be_visible()
        expect(page.locator("#count-notices")).to_be_hidden()
        page.reload()
        expect(page.locator("#count-notices")).to_be_hidden()


def test_on_a_phone_all_of_the_bells_menu_is_on_the_screen(info: dict[str, Any]) -> None:
    with at_the_desk(info, 390) as page:
        page.locator("summary", has=page.locator("#count-notices")).click()
        menu = page.locator("#bell-list")
        expect(menu).to_be_visible()
        expect(menu).to_be_in_viewport(ratio=1)


def test_all_of_it_works_without_a_script(info: dict[str, Any]) -> None:
    with open_page() as first:
        browser = first.context.browser
        assert browser is not None
        page = browser.new_context(java_script_enabled=False).new_page()
        sign_in_to_demo(page, info)
        page.get_by_role("link", name="New lead").first.click()
        page.get_by_role("textbox", name="Name").fill("Dora Vale")
        page.get_by_role("textbox", name="Phone").fill("(212) 555-0114")
        page.get_by_role("checkbox", name="They agree to get texts").check()
        page.get_by_role("button", name="Save lead").click()
        lead_is_shown(page, "Dora Vale")
        page.get_by_role("link", name="Add task").click()
        page.get_by_label("What is to be done?").fill("Ask the lab")
        page.get_by_role("button", name="Add task").click()
        page.get_by_role("link", name="Tasks").first.click()
        tick(page, "Ask the lab").click()
        expect(page.get_by_text("1 task is done.")).to_be_visible()
        page.get_by_role("link", name="Search name, phone, email").click()
        page.get_by_label("Name, phone or email").fill("0114")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Dora Vale").click()
        lead_is_shown(page, "Dora Vale")
