"""Why a text was written, as it was then; and what each sequence did for a lead, or why nothing."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from automations.explain import why, why_not
from automations.explain.why_not import WhyNot
from automations.sequences import load_automation
from crm.core.errors import NotFound
from crm.messaging.actions import add_template
from crm.messaging.settling.statuses import StatusIn, apply_statuses
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import ASKS, only, three
from tests.support.houses import PHONE, House

__all__ = ["app", "house", "other_house"]

IF_ENGLISH = {
    "kind": "if_else",
    "conditions": [
        {"kind": "not", "of": {"kind": "language_is", "language": "es"}},
        {"kind": "source_is", "sources": ["api", "form"]},
    ],
    "then": [TEXT],
    "otherwise": [{"kind": "stop"}],
}


def test_a_step_that_had_nowhere_to_send_to_says_so(house: House, drain: Drain) -> None:
    publish(house, "One", ASKS, TEXT, {"kind": "wait_for", "days": 1})
    only(house, "One")
    lead_id = house.ask(phone=None, email="ana@patient.example")
    drain()
    [skipped] = answers(house, lead_id)["One"].skipped
    assert skipped.reason == "there is no phone number"
    assert "Send the text" in skipped.words
    page = house.page(f"/leads/{lead_id}/sequences")
    assert "there is no phone number" in page


def republish(house: House, name: str, times: int) -> None:
    """Publish other content under the same name."""
    for number in range(times):
        days = {"kind": "wait_for", "days": number + 1}
        house.do(load_automation, {"name": name, "trigger": ASKS, "steps": [days, TEXT]})


def answers(house: House, lead_id: UUID) -> dict[str, WhyNot]:
    """Return what each sequence did for a lead, by name."""
    return {one.name: one for one in house.do(why_not, lead_id)}


def test_why_answers_for_a_text_whose_automation_was_edited_ten_times_since(
    house: House, drain: Drain
) -> None:
    publish(house, "One", ASKS, IF_ENGLISH, conditions=[{"kind": "lead_is_open"}])
    only(house, "One")
    assert house.fill_form().status_code == 303
    drain()
    [text] = house.texts(PHONE)
    said = [StatusIn(str(text.row.provider_id), "delivered")]
    house.do(apply_statuses, said)
    republish(house, "One", 10)
    for number in range(3):
        house.do(add_template, f"Other {number}", {"en": "Hello from {{ clinic_name }}."})

    told = house.do(why, text.row.id)
    assert (told.passage.name, told.passage.number) == ("One", 1)
    assert told.trigger == "A lead is created"
    assert told.conditions == ["Lead is open"]
    assert told.step == "Send the text “Note”"
    assert [(asked.words, asked.holds, asked.depth) for asked in told.asked] == [
        ("Not", True, 0),
        ("Language is", False, 1),
        ("Source is", True, 0),
    ]
    assert [event.name for event in told.events] == ["lead.created"]
    assert (told.consent.purpose, told.consent.tier) == ("care", "express")
    assert told.consent.wording
    assert (told.template.name, told.template.number) == ("Note", 1)
    assert [status.status for status in told.statuses] == ["delivered"]
    assert told.checked_at is not None
    assert [at.zone for at in told.local_times] == ["America/New_York"]

    page = house.page(f"/texts/{text.row.id}/why")
    assert "Why this text?" in page
    assert "version 1" in page
    assert text.body not in page
    assert f'href="/leads/{text.row.lead_id}"' in page
    # In a window over another page it is no second page.
    browser = house.signed_in()
    for path in (f"/texts/{text.row.id}/why", f"/leads/{text.row.lead_id}/sequences"):
        shown = browser.get(path, headers={"HX-Request": "true"}).text
        assert 'id="sheet-title"' in shown
        assert "<main" not in shown


def test_why_not_answers_for_each_sequence(house: House, drain: Drain) -> None:
    publish(house, "Elsewhere", {"kind": "stage_entered", "stage": "Considering"}, TEXT)
    publish(house, "Spanish", ASKS, TEXT, conditions=[{"kind": "language_is", "language": "es"}])
    publish(house, "Resting", ASKS, TEXT)
    publish(house, "Whole", ASKS, TEXT)
    only(house, "Elsewhere", "Spanish", "Whole")
    lead_id = house.ask()
    drain()
    publish(house, "Younger", ASKS, TEXT)
    house.move(lead_id, "Booked")
    drain()

    told = answers(house, lead_id)
    assert {name: told[name].answer for name in ("Elsewhere", "Spanish", "Resting", "Younger")} == {
        "Elsewhere": "not_started",
        "Spanish": "refused",
        "Resting": "refused",
        "Younger": "published_later",
    }
    assert told["Spanish"].detail == "its conditions were not met"
    assert told["Resting"].detail == "it was paused"
    assert told["Whole"].answer == "left"
    page = house.page(f"/leads/{lead_id}/sequences")
    for one in told.values():
        assert one.name in page
        assert one.words in page


def test_of_three_that_one_event_starts_two_say_why_they_were_silent(
    house: House, drain: Drain
) -> None:
    three(house)
    lead_id = house.ask()
    drain()
    house.runtime.clock.advance(minutes=2)
    drain()
    told = answers(house, lead_id)
    written = [one for name in ("One", "Two", "Three") for one in told[name].messages]
    # What was sent is listed as well, and has no reason.
    assert sorted(one.reason == "" for one in written) == [False, False, True]
    silent = [one for one in written if one.reason]
    for one in silent:
        assert one.reason == "Another sequence has just written to them about the same thing."
        spoken = house.do(why, one.id).spoken_by
        assert [text.row.status for text in house.texts(PHONE) if text.row.id == spoken] == ["sent"]
        assert f"/texts/{spoken}/why" in house.page(f"/texts/{one.id}/why")


def test_a_text_of_a_person_and_an_answer_to_a_keyword_are_explained(
    house: House, drain: Drain
) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    drain()
    [answer] = [text for text in house.texts(PHONE) if text.row.origin_kind == "keyword"]
    told = house.do(why, answer.row.id)
    assert told.passage is None
    assert "keyword asks for it" in house.page(f"/texts/{answer.row.id}/why")
    page = house.page(f"/leads/{answer.row.lead_id or house.texts(PHONE)[0].row.lead_id}")
    assert f"/texts/{house.texts(PHONE)[0].row.id}/why" in page


def test_what_came_in_and_what_is_not_there_is_not_explained(
    house: House, other_house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    drain()
    house.receive("Hello")
    [received] = house.texts(PHONE, "in")
    sent = house.texts(PHONE)[0]
    strange: list[tuple[House, Any, UUID]] = [
        (house, why, received.row.id),
        (house, why, uuid4()),
        (other_house, why, sent.row.id),
        (other_house, why_not, lead_id),
    ]
    for whose, question, row_id in strange:
        with pytest.raises(NotFound):
            whose.do(question, row_id)
