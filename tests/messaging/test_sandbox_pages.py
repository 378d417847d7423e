"""The patients' phones on screen: what arrived, whose it is, and an answer that really comes in."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from crm.core.runtime import Runtime
from crm.messaging import sandbox
from crm.messaging.actions import add_sender
from tests.conftest import Drain
from tests.support.houses import NAME, PHONE, House, cheap_app, furnish


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    """A furnished clinic, in the morning."""
    made = furnish(runtime, cheap_app(runtime), clinic)
    made.set_clock("2027-02-02 10:00")
    yield made
    made.close()


def answer_path(page: str) -> str:
    """Return where the first phone's answer box posts to."""
    found = re.search(r'action="(/sandbox/[\w-]+/answer)"', page)
    assert found is not None
    return found[1]


def test_the_first_text_arrives_and_an_answer_comes_in(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    browser = house.signed_in()
    page = browser.get("/sandbox").text
    [sent] = house.sent(PHONE)
    assert NAME in page
    assert "(212) 555-0142" in page
    assert "Riverside Dental" in page
    assert sent.splitlines()[0][:20] in page
    answered = browser.submit("/sandbox", answer_path(page), body="Tuesday is fine", key="k1")
    assert answered.status_code == 303
    [text] = house.texts(PHONE, "in")
    assert text.body == "Tuesday is fine"
    assert text.row.lead_id is not None
    assert "Tuesday is fine" in browser.get("/sandbox").text
    drain()
    assert [(each.state, each.exit_reason) for each in house.enrollments()] == [
        ("ended", "replied")
    ]


def test_a_form_that_is_sent_twice_is_one_text(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    browser = house.signed_in()
    path = answer_path(browser.get("/sandbox").text)
    for _ in range(2):
        browser.submit("/sandbox", path, body="Hello", key="k1")
    browser.submit("/sandbox", path, body="Hello", key="k2")
    assert [text.body for text in house.texts(PHONE, "in")] == ["Hello", "Hello"]


def test_the_patient_did_it_whoever_sits_at_the_screen(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    browser = house.signed_in()
    browser.submit("/sandbox", answer_path(browser.get("/sandbox").text), body="STOP", key="k")
    drain()
    page = browser.get("/sandbox").text
    assert "You will get no more texts" in page
    assert page.count("bubble-mine") == 1


def test_each_page_brings_another_key(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    browser = house.signed_in()
    keys = [re.findall(r'name="key" value="([^"]+)"', browser.get("/sandbox").text) for _ in "ab"]
    assert keys[0] != keys[1]


def test_what_is_held_or_blocked_is_on_no_phone(house: House, drain: Drain) -> None:
    house.set_clock("2027-02-02 22:00")
    house.ask()
    drain()
    assert house.texts()
    assert house.do(sandbox.phones) == []
    assert "No phone has a text yet" in house.page("/sandbox")


def test_the_phone_with_the_latest_text_comes_first(house: House, drain: Drain) -> None:
    for number in ("+12125550142", "+12125550143", "+12125550144"):
        house.ask(number)
        drain()
    house.receive("me first", "+12125550142")
    numbers = [phone.number for phone in house.do(sandbox.phones)]
    assert numbers == ["+12125550142", "+12125550144", "+12125550143"]


def test_a_text_is_shown_as_words_and_never_as_markup(house: House, drain: Drain) -> None:
    house.receive("<script>alert(1)</script> & more")
    page = house.page("/sandbox")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "Somebody new" in page


@pytest.mark.parametrize("body", ["", "   ", "x" * 1601, "\x00"])
def test_an_answer_without_words_or_with_too_many_is_refused(house: House, body: str) -> None:
    house.receive("hello")
    browser = house.signed_in()
    path = answer_path(browser.get("/sandbox").text)
    assert browser.submit("/sandbox", path, body=body, key="k").status_code == 422
    assert len(house.texts(PHONE, "in")) == 1


def test_an_unknown_phone_is_not_there(house: House) -> None:
    browser = house.signed_in()
    answered = browser.submit("/sandbox", f"/sandbox/{uuid4()}/answer", body="x", key="k")
    assert answered.status_code == 404


def test_texts_of_a_real_provider_are_on_no_sandbox_phone(house: House) -> None:
    house.do(lambda uow: add_sender(uow, "twilio", "+12125550199", external_id="AC1"))
    house.receive("through the sandbox")
    assert len(house.do(sandbox.phones)) == 1
    other = [phone.clinic_number for phone in house.do(sandbox.phones)]
    assert other != ["+12125550199"]


def test_nobody_who_is_not_signed_in_sees_a_phone(house: House) -> None:
    house.receive("private")
    answered = house.visitor().get("/sandbox")
    assert answered.status_code == 303
    assert "private" not in answered.text


def test_there_are_no_phones_in_production(house: House) -> None:
    house.receive("hello")
    browser = house.signed_in()
    page = browser.get("/sandbox")
    assert 'href="/sandbox"' in page.text
    house.runtime.settings.frontdesk_env = "production"
    assert browser.get("/sandbox").status_code == 404
    assert house.visitor().get("/sandbox").status_code == 404
    guards = browser.guards("/pipeline")
    assert browser.post_form(answer_path(page.text), guards, body="x", key="k").status_code == 404
    assert 'href="/sandbox"' not in browser.get("/pipeline").text
