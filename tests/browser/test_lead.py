"""A lead's page in a real browser: answered, called and noted by mouse, keys and touch."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from crm.messaging.segments import measure
from tests.browser.hands import Hands
from tests.browser.signing_in import sign_in_to_demo
from tests.fakes.waiting import until
from tests.support.chromium import needs_chromium, open_page

pytestmark = [pytest.mark.browser, needs_chromium]

people = count(142)
FRESH = re.compile(r"/leads/[\w-]+/fresh")
STREAM = re.compile(r"/events\?")


def ask(info: dict[str, Any], phone: str = "") -> str:
    """Send a request of another Maria Garcia, or of one again; return her lead's id."""
    answer = httpx2.post(
        f"{info['base_url']}/api/v1/appointment-requests",
        json={
            "name": "Maria Garcia",
            "phone": phone or f"+1212555{next(people):04}",
            "consent": {"sms_care": True},
        },
        headers={"Authorization": f"Bearer {info['api_key']}", "Idempotency-Key": str(uuid4())},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["lead_id"])


@pytest.fixture(params=[1440, 390])
def lead_page(info: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A new lead's page, on a desktop and on a phone."""
    lead_id = ask(info)
    with open_page(request.param, 844) as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/leads/{lead_id}")
        yield page


def test_a_lead_is_answered_called_and_noted(lead_page: Page) -> None:
    page, hands = lead_page, Hands(lead_page)
    composer, timeline = page.locator("#composer"), page.locator("#timeline")
    clock = page.locator("#lead-head").get_by_text("Reply due in")
    expect(clock).to_be_visible()
    # A template in two clicks, and what it costs is told before the third.
    hands.choose(page.get_by_label("Insert template"), 1)
    expect(composer.get_by_label("Text to Maria Garcia")).to_have_value(re.compile("Maria"))
    expect(composer).to_contain_text(re.compile(r"\d+ characters · \d texts? · \$0\.0"))
    hands.click(composer.get_by_role("button", name="Send text"))
    expect(timeline.get_by_role("button", name="Undo").first).to_be_visible()
    assert hands.count == 3
    # Taken back in time, its words are there again.
    page.get_by_role("region", name="Messages").get_by_role("button", name="Undo").click()
    expect(composer.get_by_label("Text to Maria Garcia")).to_have_value(re.compile("Maria"))
    # By keys alone.
    composer.get_by_label("Text to Maria Garcia").fill("Thursday at 4?")
    page.keyboard.press("Control+Enter")
    expect(timeline.get_by_text("Thursday at 4?")).to_be_visible()
    expect(timeline.get_by_text("Delivered").or_(timeline.get_by_text("Sent")).first).to_be_visible(
        timeout=30_000
    )
    expect(clock).to_have_count(0)
    # A call in two clicks.
    hands = Hands(page)
    hands.click(composer.get_by_role("tab", name="Log a call"))
    hands.click(composer.get_by_role("button", name="No answer"))
    expect(timeline.get_by_text("No answer")).to_be_visible()
    assert hands.count == 2
    # A note.
    composer.get_by_role("tab", name="Note").click()
    composer.get_by_label("Note for the team").fill("Prefers mornings")
    composer.get_by_role("button", name="Keep note").click()
    expect(timeline.get_by_text("Prefers mornings")).to_be_visible()


@pytest.mark.parametrize("lead_page", [1440], indirect=True)
def test_a_lead_is_answered_and_called_by_keys_alone(lead_page: Page) -> None:
    page, hands = lead_page, Hands(lead_page)
    composer, timeline = page.locator("#composer"), page.locator("#timeline")
    hands.reach(composer.get_by_label("Insert template"))
    hands.press("ArrowDown")
    body = composer.get_by_label("Text to Maria Garcia")
    expect(body).to_have_value(re.compile("Maria"))
    hands.reach(body)
    hands.press("Control+Enter")
    undo = page.get_by_role("region", name="Messages").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    hands.press("Escape", "z")  # Single keys are for whoever does not type.
    expect(body).to_have_value(re.compile("Maria"))
    hands.reach(composer.get_by_role("tab", name="Text"))
    hands.press("ArrowRight", "ArrowRight")
    hands.reach(composer.get_by_role("button", name="No answer"))
    hands.press("Enter")
    expect(timeline.get_by_text("No answer")).to_be_visible()


def test_no_reply_is_needed_until_that_is_undone(lead_page: Page) -> None:
    page = lead_page
    clock = page.locator("#lead-head").get_by_text("Reply due in")
    page.get_by_role("button", name="No reply needed").press("Enter")
    expect(clock).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("#timeline")).to_contain_text("No reply needed")
    page.get_by_role("region", name="Messages").get_by_role("button", name="Undo").click()
    expect(clock).to_be_visible()


def test_what_an_answer_says_is_heard_also_when_its_form_was_replaced(lead_page: Page) -> None:
    page = lead_page
    page.evaluate(
        """() => document.addEventListener("htmx:beforeSend", ({ target }) => {
          if (target.matches(":has(#waive)")) setTimeout(() => target.remove());
        })"""
    )
    page.get_by_role("button", name="No reply needed").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("No reply is due.")


def test_a_lead_is_moved_where_it_is_read_and_back_by_a_key(lead_page: Page) -> None:
    page = lead_page
    entries = page.evaluate("history.length")
    stages = page.get_by_role("list", name="Stages")
    stages.get_by_role("button", name="Considering").click()
    expect(page.get_by_text("Moved to Considering.")).to_be_visible()
    here = stages.locator("[aria-current=step]")
    expect(here).to_have_text("Considering")
    page.keyboard.press("z")
    expect(page.get_by_text("Back in New.")).to_be_visible()
    expect(here).to_have_text("New")
    assert page.evaluate("history.length") == entries


def test_an_answer_from_before_a_move_does_not_stay_before_the_eyes(lead_page: Page) -> None:
    page, url = lead_page, lead_page.url
    page.goto("about:blank")
    lead_id = url.rpartition("/")[2]
    news: Iterator[dict[str, Any]] = iter([{"changed": {f"lead-{lead_id}": []}}])
    late: list[tuple[Route, APIResponse]] = []

    def tell(route: Route) -> None:
        """Tell of one thing, and afterwards that the stream lives."""
        body = f"data: {json.dumps(next(news, {}))}\n\n"
        route.fulfill(body=body, content_type="text/event-stream")

    page.route(STREAM, tell)
    page.route(FRESH, lambda route: late.append((route, route.fetch())), times=1)
    page.goto(url)
    until(lambda: bool(page.title() and late))
    stages = page.get_by_role("list", name="Stages")
    stages.get_by_role("button", name="Considering").click()
    here = stages.locator("[aria-current=step]")
    expect(here).to_have_text("Considering")
    [(route, answer)] = late
    with page.expect_request(FRESH):
        route.fulfill(response=answer)
    expect(here).to_have_text("Considering")


def test_what_is_taken_back_on_the_timeline_is_offered_no_longer(lead_page: Page) -> None:
    page = lead_page
    page.get_by_label("Text to Maria Garcia").fill("Thursday at 4?")
    page.keyboard.press("Control+Enter")
    messages = page.get_by_role("region", name="Messages")
    expect(messages.get_by_role("button", name="Undo")).to_be_visible()
    page.locator("#timeline").get_by_role("button", name="Undo").first.click()
    expect(messages.get_by_text("The text was taken back.")).to_be_visible()
    expect(messages.get_by_role("button", name="Undo")).to_have_count(0, timeout=2_000)


def test_a_note_that_was_removed_is_put_back(lead_page: Page) -> None:
    page, timeline = lead_page, lead_page.locator("#timeline")
    page.get_by_role("tab", name="Note").click()
    page.get_by_label("Note for the team").fill("Prefers mornings")
    page.keyboard.press("Control+Enter")
    note = timeline.get_by_role("listitem").filter(has_text="Prefers mornings")
    note.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The note was removed.")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(timeline.get_by_text("Prefers mornings")).to_be_visible()


def test_details_are_changed_where_they_stand(lead_page: Page) -> None:
    page = lead_page
    details = page.locator("#lead-details")
    details.get_by_role("link", name="Change: Value").click()
    value = details.get_by_role("textbox", name="Value")
    expect(value).to_be_focused()
    value.fill("4,800")
    page.keyboard.press("Enter")
    expect(details.get_by_text("$4,800")).to_be_visible()
    page.get_by_label("New tag").fill("Nervous")
    page.keyboard.press("Enter")
    expect(page.locator("#lead-tags").get_by_text("Nervous", exact=True)).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0


def test_what_one_is_at_stays_while_the_page_is_read_anew(lead_page: Page) -> None:
    page = lead_page
    lead_id = page.url.rpartition("/")[2]
    page.locator("#composer").get_by_role("tab", name="Note").click()
    note = page.get_by_label("Note for the team")
    note.fill("Called from work")
    consent = page.locator("#lead-consent")
    consent.get_by_text("They asked us to stop texts").click()
    consent.get_by_label("Their words").fill("No more of these")
    with page.expect_response(re.compile("/fresh")):
        page.evaluate(
            "name => document.body.dispatchEvent(new Event(name))", f"live:lead-{lead_id}"
        )
    page.wait_for_selector(".htmx-request, .htmx-settling", state="detached")
    expect(consent.get_by_label("Their words")).to_have_value("No more of these")
    consent.get_by_role("button", name="Stop texts to this number").click()
    expect(consent.get_by_text("Opted out")).to_be_visible()
    expect(note).to_be_visible()
    expect(note).to_have_value("Called from work")


@contextmanager
def asking(info: dict[str, Any]) -> Iterator[tuple[Page, str, Route]]:
    """A page that has asked what is new, whose phone it is, and the question under way."""
    phone = f"+1212555{next(people):04}"
    lead_id = ask(info, phone)
    held: list[Route] = []
    with open_page() as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/leads/{lead_id}")
        expect(page.locator("body[data-stream=open]")).to_be_attached()
        expect(page.locator("#timeline").get_by_text("Hi Maria").first).to_be_visible()
        page.route("**/fresh*", lambda one: one.continue_() if held else held.append(one))
        ask(info, phone)
        until(lambda: bool(page.wait_for_timeout(20)) or bool(held))
        yield page, phone, held[0]


def test_news_that_come_while_the_page_asks_are_shown_too(info: dict[str, Any]) -> None:
    with asking(info) as (page, phone, question):
        first = question.fetch()
        # The second one is heard while the page still asks about the first.
        ask(info, phone)
        page.wait_for_timeout(1_000)
        question.fulfill(response=first)
        again = page.locator("#timeline").get_by_text("Asked again for an appointment")
        expect(again).to_have_count(2)


def test_a_page_hears_on_after_its_question_was_overtaken(info: dict[str, Any]) -> None:
    with asking(info) as (page, phone, question):
        # The answer to a note takes the place of all that asks.
        page.get_by_role("tab", name="Note").click()
        page.get_by_label("Note for the team").fill("Prefers mornings")
        page.keyboard.press("Control+Enter")
        timeline = page.locator("#timeline")
        expect(timeline).to_contain_text("Prefers mornings")
        question.continue_()
        again = timeline.get_by_text("Asked again for an appointment")
        expect(again).to_have_count(1)
        ask(info, phone)
        expect(again).to_have_count(2)


def test_what_was_typed_waits_on_the_server(lead_page: Page) -> None:
    page = lead_page
    body = page.get_by_label("Text to Maria Garcia")
    with page.expect_response(re.compile("/draft$")):
        body.press_sequentially("H")
    with page.expect_response(re.compile("/draft$")):
        body.fill("Hi {{ first_name }}, Thursday?")
    expect(page.locator("#count")).to_contain_text("Hi Maria, Thursday?")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.reload()
    expect(body).to_have_value("Hi {{ first_name }}, Thursday?")


def test_the_browser_counts_as_the_server_does(info: dict[str, Any]) -> None:
    chance = random.Random(7)
    letters = "abc ABC 123 é ñ ü Δ € ^ { } [ ] ~ | \\ \n í ó á ¿ 😀 日 '\u2019"
    texts = ["".join(chance.choices(letters, k=length)) for length in range(0, 330, 3)]
    texts += ["a" * n for n in (160, 161, 306, 307)] + ["í" * n for n in (70, 71, 134, 135)]
    with open_page() as page:
        sign_in_to_demo(page, info)
        page.goto(f"{info['base_url']}/leads/{ask(info)}")
        counted = page.evaluate(
            """(texts) => {
              const rules = JSON.parse(document.getElementById("count-words").dataset.rules);
              return texts.map((text) => frontdesk.measure(text, rules));
            }""",
            texts,
        )
    for text, there in zip(texts, counted, strict=True):
        here = measure(text)
        assert (there["isGsm"], there["units"], there["parts"]) == (
            here.encoding == "GSM-7",
            here.units,
            here.parts,
        ), text
