"""The main story in a real browser against the real process (works when 1)."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.signing_in import sign_in_to_demo
from tests.fakes.waiting import until
from tests.support.chromium import needs_chromium, open_page

pytestmark = [pytest.mark.browser, needs_chromium]

Start = Callable[[], Demo]
FIRST = "New request follow-up"
CONTACTED = "Contacted, no answer"


def fill_form(page: Page, info: dict[str, Any], name: str, phone: str) -> None:
    """Ask for an appointment as a patient."""
    page.goto(f"{info['base_url']}/f/{info['form_key']}")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Phone").fill(phone)
    page.get_by_label("What is it about?").select_option("New patient visit")
    page.get_by_label("Anything we should know?").fill("My left knee hurts")
    page.locator("input[name=sms_care]").check()
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("heading", name="Your request has arrived")).to_be_visible()


def open_lead(page: Page, info: dict[str, Any], name: str) -> None:
    """Open a lead from the pipeline."""
    page.goto(f"{info['base_url']}/pipeline")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def state_of(page: Page, sequence: str) -> str:
    """Return what the lead's page says of a sequence, after a fresh look; nothing if not there."""
    page.reload()
    if page.locator(".passage", has_text=sequence).count():
        return "Live"
    past = page.locator("#lead-next h3", has_text=sequence)
    return (past.text_content() or "").replace(sequence, "").strip() if past.count() else ""


def test_a_request_is_answered_moved_and_followed_up(start: Start) -> None:
    demo = start()
    info = demo.info()
    with open_page() as page:
        fill_form(page, info, "Robin Vale", "(212) 555-0142")
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/sandbox")
        phone = page.locator(".phone", has_text="Robin Vale")
        expect(phone.locator(".bubble-theirs")).to_contain_text("Hi Robin, this is Riverside")
        phone.locator("input[name=body]").fill("Tuesday would suit me")
        phone.get_by_role("button").click()
        expect(phone.locator(".bubble-mine")).to_contain_text("Tuesday would suit me")

        open_lead(page, info, "Robin Vale")
        until(lambda: state_of(page, FIRST) == "Ended")
        timeline = page.locator("#timeline")
        for words in ("Hi Robin, this is Riverside", "Tuesday would suit me", "My left knee hurts"):
            expect(timeline).to_contain_text(words)

        fill_form(page, info, "Casey Vale", "(212) 555-0177")
        open_lead(page, info, "Casey Vale")
        until(lambda: state_of(page, FIRST) == "Live")
        expect(page.locator("#timeline")).to_contain_text("Sent by the sequence")
        menu = page.locator("summary", has_text="Move").first
        to_contacted = page.get_by_role("button", name="Move to Contacted").first
        for close in (lambda: page.keyboard.press("Escape"), page.locator("h1").click):
            menu.click()
            expect(to_contacted).to_be_visible()
            close()
            expect(to_contacted).to_be_hidden()
        menu.click()
        to_contacted.click()
        expect(page.locator("[aria-current=step]")).to_have_text("Contacted")
        until(lambda: (state_of(page, FIRST), state_of(page, CONTACTED)) == ("Ended", "Live"))
        expect(page.locator("#timeline")).to_contain_text("Moved from New to Contacted")

    with open_page(may_complain=True) as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/sandbox")
        assert demo.end(signal.SIGINT) == []
    assert "Traceback" not in demo.output()


def test_a_kill_and_a_new_start_lose_nothing(start: Start) -> None:
    demo = start()
    info = demo.info()
    with open_page() as page:
        fill_form(page, info, "Robin Vale", "(212) 555-0142")
    # The request is answered; whether its text has left by now is anybody's guess.
    assert demo.end(signal.SIGKILL) == []

    demo = start()
    info = demo.info()
    with open_page() as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/sandbox")
        texts = page.locator(".phone", has_text="Robin Vale").locator(".bubble-theirs")
        expect(texts).to_have_count(1, timeout=150_000)
        page.goto(f"{info['base_url']}/pipeline")
        expect(page.get_by_role("link", name="Robin Vale", exact=True)).to_have_count(1)

    with open_page(may_complain=True) as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/sandbox")
        assert demo.end(signal.SIGTERM) == []
    assert "Traceback" not in demo.output()
