"""The phones in a real browser: texts arrive by themselves, and what is being typed stays."""

import pytest
from playwright.sync_api import Page

from automations.sequences import load_automation
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template
from tests.browser.signing_in import sign_in_as
from tests.conftest import Drain
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.served_houses import house, listening, settings

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]


def open_phones(page: Page, house: House) -> None:
    """Sign in and open the phones."""
    sign_in_as(page, house, "owner")
    page.goto(f"{house.runtime.settings.base_url}/sandbox")


def test_texts_arrive_and_are_answered_while_one_types(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    with open_page() as page:
        open_phones(page, house)
        box = page.locator("input[name=body]").first
        box.focus()
        page.keyboard.type("Tuesday is ")
        house.receive("from another phone", "+12125550177")
        page.wait_for_selector("text=from another phone")
        page.keyboard.type("fine")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bubble-mine:has-text('Tuesday is fine')")
        assert page.evaluate("document.activeElement.value") == ""
        page.keyboard.type("And Friday")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bubble-mine:has-text('And Friday')")
    bodies = [text.body for text in house.texts(direction="in")]
    assert bodies == ["from another phone", "Tuesday is fine", "And Friday"]


def test_the_first_phone_appears_by_itself(house: House, drain: Drain) -> None:
    with open_page(390, 800) as page:
        open_phones(page, house)
        assert page.locator(".empty").count() == 1
        house.ask()
        drain()
        page.wait_for_selector(".bubble-theirs")
        assert page.locator(".empty").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_way_out_in_an_email_leads_out_of_its_frame(house: House, drain: Drain) -> None:
    house.do(_follow_up_by_email)
    house.ask(email="robin@vale.example")
    drain()
    with open_page() as page:
        open_phones(page, house)
        page.locator("iframe").scroll_into_view_if_needed()
        with page.expect_popup() as opened:
            page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").click()
        opened.value.get_by_role("button", name="Unsubscribe").wait_for()


def _follow_up_by_email(uow: UnitOfWork) -> None:
    add_template(uow, "Mail", {"en": "Hello"}, "care", {"en": "Your visit"})
    steps = [{"kind": "send_email", "template": "Mail"}]
    load_automation(uow, {"name": "By email", "trigger": {"kind": "lead_created"}, "steps": steps})
