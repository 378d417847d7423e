"""An owner lets SendGrid tell what becomes of emails."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import expect

from crm.messaging.actions.connect_email import connect_sendgrid
from tests.browser.signing_in import sign_in_as
from tests.fakes.sendgrid import KEY
from tests.support.axe import violations
from tests.support.chromium import needs_chromium, open_page
from tests.support.houses import House
from tests.support.served_houses import house, listening, settings
from tests.webhooks.sendgrid_calls import public_key

__all__ = ["house", "listening", "settings"]

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.mark.parametrize("width", [320, 1280])
def test_the_address_is_there_to_copy_and_its_key_is_taken(house: House, width: int) -> None:
    house.do(connect_sendgrid, KEY, "hi@clinic.example")
    key = public_key(ec.generate_private_key(ec.SECP256R1()))
    with open_page(width, 844) as page:
        sign_in_as(page, house, "owner")
        page.goto(f"{house.runtime.settings.base_url}/settings/emails")
        expect(page.locator(".link-code")).to_contain_text("/webhooks/sendgrid/")
        expect(page.get_by_text("Not set up")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width

        page.get_by_label("Verification key").fill(key)
        page.get_by_role("button", name="Save key").click()
        expect(page.get_by_text("The key is saved.")).to_be_visible()
        expect(page.get_by_text("Not set up")).to_have_count(0)
