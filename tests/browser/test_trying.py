"""A template is tried out from the step that sends it, and what became of the test is seen."""

import pytest
from playwright.sync_api import expect
from sqlmodel import col

from automations.models import Automation
from tests.browser.signing_in import sign_in_as
from tests.conftest import Drain
from tests.support.axe import violations
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.served_houses import house, listening, settings

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]

PHONE = "+12125550177"


def test_a_step_is_tried_on_ones_own_phone(house: House, drain: Drain) -> None:
    [automation] = house.all(Automation, col(Automation.name) == "New request follow-up")
    with open_page(390, 844, may_complain=True) as page:
        sign_in_as(page, house, "marketer")
        page.goto(f"{house.runtime.settings.base_url}/sequences/{automation.id}")
        page.get_by_role("link", name="Send the text").first.click()
        panel = page.locator("#try")
        panel.get_by_label("Your mobile number").fill("12")
        panel.get_by_role("button", name="Send test").click()
        expect(panel).to_contain_text("This is not a mobile number")
        panel.get_by_label("Your mobile number").fill("(212) 555-0177")
        panel.get_by_label("Language of the test").select_option("es")
        panel.get_by_role("button", name="Send test").click()
        expect(panel).to_contain_text("Waiting")
        drain()
        expect(panel).to_contain_text("Sent")
        assert violations(page) == []
    [said] = house.sent(PHONE)
    assert said.startswith("PRUEBA: Hola Mia")
