"""Texts from a lead's page: through the same gate as all others, now or later, by one person."""

import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import col

from crm.core.performing import claim_and_perform
from crm.messaging.models import Communication
from pipelines.lead.models import Visit
from tests.conftest import Drain
from tests.support.browsing import Browser
from tests.support.houses import NEW_YORK, PHONE, House

HTMX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def lead_id(house: House, drain: Drain) -> UUID:
    """A lead whose sequence has sent its first text."""
    found = house.ask()
    drain()
    return found


def send(browser: Browser, lead_id: UUID, body: str, **fields: str) -> int:
    """Write a text on the lead's page and press a button; return the status."""
    page = f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/messages", body=body, **{"key": str(uuid4()), **fields})
    return int(answer.status_code)


def by_hand(house: House) -> list[Communication]:
    """Return the texts that people wrote, the first first."""
    return house.all(Communication, col(Communication.origin_kind) == "user")


def test_a_text_waits_five_seconds_and_leaves(house: House, drain: Drain, lead_id: UUID) -> None:
    assert send(house.signed_in(), lead_id, "Thursday at 4 pm?") == 303
    [text] = by_hand(house)
    assert (text.status, text.queue, text.lead_id) == ("queued", "urgent", lead_id)
    assert text.due_at == text.created_at + timedelta(seconds=5)
    assert "Undo" in house.page(f"/leads/{lead_id}")
    drain()
    assert house.sent(PHONE)[-1] == "Thursday at 4 pm?"


def test_it_is_taken_back_and_its_words_are_the_draft(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    browser = house.signed_in()
    send(browser, lead_id, "Thursday at 4 pm?")
    [text] = by_hand(house)
    page = f"/leads/{lead_id}"
    for _ in range(2):
        answer = browser.submit(page, f"{page}/messages/{text.id}/withdraw")
        assert answer.status_code == 303
    drain()
    assert [one.status for one in by_hand(house)] == ["voided"]
    assert "Thursday at 4 pm?</textarea>" in browser.get(page).text


def test_what_has_left_is_not_taken_back(house: House, drain: Drain, lead_id: UUID) -> None:
    browser = house.signed_in()
    send(browser, lead_id, "Thursday at 4 pm?")
    drain()
    [text] = by_hand(house)
    page = f"/leads/{lead_id}"
    assert browser.submit(page, f"{page}/messages/{text.id}/withdraw").status_code == 409


def test_two_clicks_are_one_text(house: House, lead_id: UUID) -> None:
    browser, key = house.signed_in(), str(uuid4())
    assert [send(browser, lead_id, "Hello", key=key) for _ in range(2)] == [303, 303]
    assert len(by_hand(house)) == 1


def test_merge_fields_are_filled_in_and_unknown_ones_refused(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    browser = house.signed_in()
    assert send(browser, lead_id, "Hi {{ first_name }}, Thursday?") == 303
    assert send(browser, lead_id, "Hi {{ shoe_size }}") == 422
    drain()
    assert house.sent(PHONE)[-1] == "Hi Robin, Thursday?"


def test_a_refused_text_stands_in_the_composer_again(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    page = f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/messages", body="Hi {{ shoe_size }}", key=str(uuid4()))
    assert answer.status_code == 422
    assert "Hi {{ shoe_size }}</textarea>" in answer.text
    assert "there is no merge field" in answer.text


def test_at_night_the_button_waits_for_the_morning(house: House, lead_id: UUID) -> None:
    house.set_clock("2027-02-02 22:00")
    page = house.page(f"/leads/{lead_id}")
    assert "Send at tomorrow 8:00 am" in page
    assert "Send now, although it is night for them" in page
    browser = house.signed_in()
    at = datetime(2027, 2, 3, 8, tzinfo=NEW_YORK)
    assert send(browser, lead_id, "Good morning", at=at.isoformat()) == 303
    [text] = by_hand(house)
    assert (text.due_at, text.is_overtakable) == (at, True)


def test_what_is_for_later_keeps_to_the_day_unless_confirmed(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    late = {"act": "later", "later_at": "2027-02-02T22:30"}
    assert send(browser, lead_id, "Hello", **late) == 422
    assert send(browser, lead_id, "Hello", act="later", later_at="2027-02-01T12:00") == 422
    assert (
        send(browser, lead_id, "Hello", **late, anyway="too_early 2027-02-02T22:30:00-05:00") == 303
    )
    [text] = by_hand(house)
    assert text.due_at == datetime(2027, 2, 2, 22, 30, tzinfo=NEW_YORK)


def test_later_without_a_time_is_never_now(house: House, lead_id: UUID) -> None:
    page = f"/leads/{lead_id}"
    wanted = {"body": "Hello", "key": str(uuid4()), "act": "later"}
    answer = house.signed_in().submit(page, f"{page}/messages", **wanted, is_pinned="true")
    assert answer.status_code == 422
    assert "Choose the day and the time." in answer.text
    # Its menu stands open, with what was chosen in it.
    assert re.search(r"<details class=\"menu menu-end later\" open>", answer.text)
    assert re.search(r'name="is_pinned" value="true" checked', answer.text)
    assert by_hand(house) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"act": "later", "later_at": "2027-02-03T03:00"},
        {"at": "2027-02-03T03:00:00-05:00"},
    ],
)
def test_what_is_sent_anyway_keeps_its_time(
    house: House, lead_id: UUID, wanted: dict[str, str]
) -> None:
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/messages", body="Hi", key=str(uuid4()), **wanted)
    assert answer.status_code == 422
    assert "Send it tomorrow 3:00 am anyway" in answer.text
    [when] = re.findall(r'name="anyway" value="([^"]+)"', answer.text)
    assert send(browser, lead_id, "Hi", anyway=when) == 303
    [text] = by_hand(house)
    assert text.due_at == datetime(2027, 2, 3, 3, tzinfo=NEW_YORK)


def test_a_refused_time_is_forgotten_by_whoever_sends_now(house: House, lead_id: UUID) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    keep(dana, lead_id, "H")
    page, at = f"/leads/{lead_id}", "2027-02-02T17:00:00-05:00"
    answer = olivia.submit(page, f"{page}/messages", body="Hi", key=str(uuid4()), at=at)
    assert answer.status_code == 422
    assert 'type="hidden" name="at"' not in answer.text
    assert f'name="anyway" value="somebody_answers {at}"' in answer.text


def test_whoever_writes_over_a_colleague_is_still_asked_about_the_night(
    house: House, lead_id: UUID
) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    keep(dana, lead_id, "H")
    at = "2027-02-03T03:00:00-05:00"
    assert send(olivia, lead_id, "Hi", at=at) == 422
    assert send(olivia, lead_id, "Hi", anyway=f"somebody_answers {at}") == 422
    assert send(olivia, lead_id, "Hi", anyway=f"too_early {at}") == 422
    assert by_hand(house) == []
    assert send(olivia, lead_id, "Hi", anyway=f"somebody_answers,too_early {at}") == 303


@pytest.mark.parametrize("wrong", ["now", "nobody now", "too_early", "too_early 2027-02-03T03:00"])
def test_only_what_was_said_is_overruled(house: House, lead_id: UUID, wrong: str) -> None:
    assert send(house.signed_in(), lead_id, "Hi", anyway=wrong) == 422
    assert by_hand(house) == []


def test_a_page_from_before_the_night_sends_nothing_in_it(house: House, lead_id: UUID) -> None:
    house.set_clock("2027-02-02 22:00")
    browser = house.signed_in()
    assert send(browser, lead_id, "Hi") == 422
    assert send(browser, lead_id, "Hi", anyway="too_early now") == 303


@pytest.mark.parametrize("is_pinned", [False, True])
def test_a_reply_withdraws_what_is_for_later_unless_pinned(
    house: House, drain: Drain, lead_id: UUID, is_pinned: bool
) -> None:
    pinned = {"is_pinned": "true"} if is_pinned else {}
    send(
        house.signed_in(),
        lead_id,
        "Still there?",
        act="later",
        later_at="2027-02-02T17:00",
        **pinned,
    )
    house.receive("I am, thank you")
    drain()
    [text] = by_hand(house)
    assert (text.status, text.reason) == (("queued", None) if is_pinned else ("voided", "replied"))
    house.set_clock("2027-02-02 17:30")
    drain()
    assert ("Still there?" in house.sent(PHONE)) == is_pinned


def test_a_booking_withdraws_what_is_for_later(house: House, drain: Drain, lead_id: UUID) -> None:
    browser = house.signed_in()
    send(browser, lead_id, "Still there?", act="later", later_at="2027-02-02T17:00")
    house.move(lead_id, "Booked")
    drain()
    [text] = by_hand(house)
    assert (text.status, text.reason) == ("voided", "booked")
    assert "The lead is booked." in house.page(f"/leads/{lead_id}")


def test_an_opt_out_withdraws_even_what_is_pinned(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    later = {"act": "later", "later_at": "2027-02-02T17:00", "is_pinned": "true"}
    send(house.signed_in(), lead_id, "Still there?", **later)
    house.receive("STOP")
    drain()
    [text] = by_hand(house)
    assert text.status == "voided"


def test_the_gate_stops_what_a_reply_overtook_and_nobody_withdrew(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    send(house.signed_in(), lead_id, "Still there?", act="later", later_at="2027-02-02T17:00")
    house.receive("I am")
    house.set_clock("2027-02-02 17:30")
    # Only the text is due: the event of the reply is left where it is.
    claim_and_perform(house.runtime, "communications", queue="urgent")
    [text] = by_hand(house)
    assert (text.status, text.reason) == ("blocked", "replied")


def test_who_opted_out_is_not_texted_and_the_page_says_what_to_do(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    house.receive("STOP")
    drain()
    page = house.page(f"/leads/{lead_id}")
    assert "They opted out of texts." in page
    assert "Only they can undo it, by texting START." in page
    assert "<fieldset disabled>" in page
    assert send(house.signed_in(), lead_id, "Hello") == 422
    assert by_hand(house) == []


def test_without_a_phone_nobody_is_texted(house: House) -> None:
    lead_id = house.ask(None, consent=False, email="robin@vale.example")
    assert "There is no phone number." in house.page(f"/leads/{lead_id}")
    assert send(house.signed_in(), lead_id, "Hello") == 422


def keep(browser: Browser, lead_id: UUID, body: str) -> str:
    """Type into the composer; return what comes back."""
    page = f"/leads/{lead_id}"
    guards = browser.guards(page)
    answer = browser.post(f"{page}/draft", data={**guards, "body": body}, headers=HTMX)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_draft_is_kept_for_its_writer_alone_and_counted(house: House, lead_id: UUID) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    told = keep(dana, lead_id, "Hi {{ first_name }} €")
    assert "Hi Robin €" in told
    assert "11 characters · 1 text · $0.0083" in told
    page = f"/leads/{lead_id}"
    assert "Hi {{ first_name }} €</textarea>" in dana.get(page).text
    assert "Hi {{ first_name }} €" not in olivia.get(page).text
    [visit] = [one for one in house.all(Visit) if one.draft]
    assert "first_name" not in (visit.draft or "")


def test_the_second_of_two_writers_confirms(house: House, lead_id: UUID) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    keep(dana, lead_id, "H")
    page = f"/leads/{lead_id}"
    assert "Dana Flores is writing to them now." in olivia.get(page).text
    assert send(olivia, lead_id, "Hello") == 422
    assert send(olivia, lead_id, "Hello", anyway="somebody_answers now") == 303
    # Who claimed first is told that somebody was faster.
    answer = dana.submit(page, f"{page}/messages", body="Hello", key=str(uuid4()))
    assert answer.status_code == 422
    assert "Olivia Reyes wrote to them while you were writing." in answer.text
    assert "Send it anyway" in answer.text
    seen = str(by_hand(house)[-1].id)
    assert send(dana, lead_id, "Hello", seen=seen) == 303


def test_a_claim_ends_by_itself_and_by_an_emptied_draft(house: House, lead_id: UUID) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    keep(dana, lead_id, "H")
    keep(dana, lead_id, " ")
    assert send(olivia, lead_id, "Hello") == 303
    keep(dana, lead_id, "H")
    house.runtime.clock.advance(minutes=3)
    seen = str(by_hand(house)[-1].id)
    assert send(house.signed_in("manager"), lead_id, "Hello", seen=seen) == 303


def test_a_template_is_offered_in_the_persons_words(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    page = browser.get(f"/leads/{lead_id}").text
    assert "Hi Robin, this is Riverside Dental." in page
    template = page.split('data-words="')[0].rpartition('value="')[2].split('"')[0]
    assert send(browser, lead_id, "", act="insert", template_id=template) == 303
    assert "Hi Robin" in browser.get(f"/leads/{lead_id}").text.split("<textarea")[1]


def test_who_may_not_send_has_no_composer(house: House, lead_id: UUID) -> None:
    assert 'id="write"' not in house.page(f"/leads/{lead_id}", "provider")
    assert 'id="write"' not in house.page(f"/leads/{lead_id}", "marketer")


def test_another_clinics_text_is_unknown(house: House, other_house: House, lead_id: UUID) -> None:
    send(house.signed_in(), lead_id, "Hello")
    [text] = by_hand(house)
    theirs = other_house.ask()
    browser = other_house.signed_in()
    page = f"/leads/{theirs}"
    assert browser.submit(page, f"{page}/messages/{text.id}/withdraw").status_code == 404
    assert (
        browser.submit(page, f"/leads/{lead_id}/messages", body="x", key=str(uuid4())).status_code
        == 404
    )
