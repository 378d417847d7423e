"""One voice: whoever is in several sequences hears one at a time, the more important first."""

from sqlalchemy import update
from sqlmodel import col

from automations.models import APPOINTMENT, MARKETING, Automation
from automations.passages import passages_of
from automations.sequences import pause
from crm.messaging.actions import add_template
from tests.conftest import Drain
from tests.flows.test_limits import TEXT, publish
from tests.support.houses import PHONE, House

ASKS, MOVES = {"kind": "lead_created"}, {"kind": "stage_entered", "stage": "Contacted"}


def only(house: House, *names: str) -> None:
    """Pause the sequences that the clinic came with."""
    for automation in house.all(Automation):
        if automation.name not in names:
            house.do(pause, automation.id)


def rank(house: House, name: str, priority: int) -> None:
    """Say how important a sequence is."""
    chosen = update(Automation).where(col(Automation.name) == name)
    house.do(lambda uow: uow.session.execute(chosen.values(priority=priority)))


def becomes(house: House) -> dict[str, tuple[str, str | None]]:
    """Return what became of the latest text of each sequence, by its name."""
    names = {row.id: row.name for row in house.all(Automation)}
    whose = {row.id: names[row.automation_id] for row in house.enrollments()}
    return {
        whose[text.row.origin_id]: (text.row.status, text.row.reason or text.row.held_reason)
        for text in house.texts(PHONE)
        if text.row.origin_id in whose
    }


def three(house: House) -> None:
    """Let three sequences begin with the same request."""
    for name in ("One", "Two", "Three"):
        publish(house, name, ASKS, TEXT)
    only(house, "One", "Two", "Three")


def test_three_sequences_on_one_new_lead_send_one_text_and_say_why(
    house: House, drain: Drain
) -> None:
    three(house)
    rank(house, "Two", APPOINTMENT)
    lead_id = house.ask()
    drain()
    house.runtime.clock.advance(minutes=2)
    drain()
    assert becomes(house) == {
        "One": ("blocked", "spoken_for"),
        "Two": ("sent", None),
        "Three": ("blocked", "spoken_for"),
    }
    page = house.page(f"/leads/{lead_id}")
    assert "Another sequence has just written to them about the same thing." in page
    [spoken] = {
        text.row.gate["spoken_by"] for text in house.texts(PHONE) if text.row.status == "blocked"
    }
    assert spoken == str(next(t.row.id for t in house.texts(PHONE) if t.row.status == "sent"))


def test_two_things_that_happen_shortly_one_after_another_are_told_with_a_gap(
    house: House, drain: Drain
) -> None:
    publish(house, "One", ASKS, TEXT)
    publish(house, "Two", MOVES, TEXT, exits=[])
    only(house, "One", "Two")
    house.set_clock("2027-02-02 09:00")
    lead_id = house.ask()
    drain()
    house.runtime.clock.advance(minutes=30)
    house.move(lead_id, "Contacted")
    drain()
    assert becomes(house)["Two"] == ("queued", "other_voice")
    [shown] = [one for one in house.do(passages_of, lead_id) if one.is_live]
    assert shown.held == "Another sequence wrote to them a short while ago."
    assert shown.due_at is not None
    assert "Another sequence wrote to them a short while ago." in house.page(f"/leads/{lead_id}")
    house.runtime.clock.advance(hours=3, minutes=20)
    drain()
    assert len(house.sent(PHONE)) == 1
    house.runtime.clock.advance(minutes=30)
    drain()
    assert becomes(house) == {"One": ("sent", None), "Two": ("sent", None)}


def test_a_sequence_is_not_kept_waiting_by_its_own_texts(house: House, drain: Drain) -> None:
    publish(house, "One", ASKS, TEXT, {"kind": "wait_for", "minutes": 10}, TEXT)
    only(house, "One")
    house.ask()
    drain()
    house.runtime.clock.advance(minutes=11)
    drain()
    assert len(house.sent(PHONE)) == 2


def test_of_texts_that_are_due_at_once_the_more_important_goes(house: House, drain: Drain) -> None:
    three(house)
    rank(house, "One", MARKETING)
    rank(house, "Three", APPOINTMENT)
    house.ask()
    drain()
    assert becomes(house)["Three"] == ("sent", None)
    assert [name for name, (status, _) in becomes(house).items() if status == "sent"] == ["Three"]


def test_what_another_sequence_could_not_say_keeps_nobody_silent(
    house: House, drain: Drain
) -> None:
    publish(house, "One", ASKS, TEXT)
    house.do(add_template, "Wordless", {"en": "{{ clinic_name }} about your {{ service }}."})
    publish(house, "Two", ASKS, {**TEXT, "template": "Wordless"})
    only(house, "One", "Two")
    rank(house, "Two", APPOINTMENT)
    house.ask()
    drain()
    house.runtime.clock.advance(minutes=2)
    drain()
    assert becomes(house) == {
        "One": ("sent", None),
        "Two": ("blocked", "missing_value:service"),
    }


def test_an_answer_to_what_they_just_wrote_does_not_wait(house: House, drain: Drain) -> None:
    publish(house, "One", ASKS, TEXT, exits=[])
    publish(house, "Two", {"kind": "inbound_reply"}, TEXT)
    only(house, "One", "Two")
    house.set_clock("2027-02-02 09:00")
    house.ask()
    drain()
    house.runtime.clock.advance(minutes=5)
    house.receive("Do you have time on Friday?")
    drain()
    assert becomes(house) == {"One": ("sent", None), "Two": ("sent", None)}


def test_what_is_more_important_is_not_dropped_for_an_offer(house: House, drain: Drain) -> None:
    publish(house, "Offer", ASKS, TEXT)
    publish(house, "Visit", ASKS, {"kind": "wait_for", "minutes": 5}, TEXT, exits=[])
    only(house, "Offer", "Visit")
    rank(house, "Offer", MARKETING)
    rank(house, "Visit", APPOINTMENT)
    house.set_clock("2027-02-02 09:00")
    house.ask()
    drain()
    house.runtime.clock.advance(minutes=6)
    drain()
    assert becomes(house)["Visit"] == ("queued", "other_voice")
    house.runtime.clock.advance(hours=4)
    drain()
    assert becomes(house)["Visit"] == ("sent", None)


def test_what_was_said_long_ago_hides_nothing_that_was_said_just_now(
    house: House, drain: Drain
) -> None:
    later = {"kind": "wait_for", "days": 1}
    publish(house, "One", ASKS, TEXT, exits=[])
    publish(house, "Two", ASKS, later, TEXT, exits=[])
    publish(house, "Three", MOVES, TEXT, exits=[])
    only(house, "One", "Two", "Three")
    house.set_clock("2027-02-02 10:00")
    lead_id = house.ask()
    drain()
    house.runtime.clock.advance(hours=23, minutes=55)
    house.move(lead_id, "Contacted")
    drain()
    house.runtime.clock.advance(minutes=10)
    drain()
    assert becomes(house) == {
        "One": ("sent", None),
        "Two": ("queued", "other_voice"),
        "Three": ("sent", None),
    }
