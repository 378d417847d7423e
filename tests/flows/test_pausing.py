"""A paused sequence says nothing: what it queued is held, and goes on when it is resumed."""

from uuid import UUID

from sqlmodel import col

from automations.models import Automation
from automations.sequences import pause, resume
from tests.conftest import Drain
from tests.support.houses import PHONE, House

FIRST = "New request follow-up"


def sequence(house: House) -> UUID:
    """Return the id of the sequence that a new lead starts."""
    [automation] = house.all(Automation, col(Automation.name) == FIRST)
    return automation.id


def test_a_text_that_is_queued_when_its_sequence_is_paused_leaves_when_it_is_resumed(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-02-02 22:00")
    lead_id = house.ask()
    drain()
    house.do(pause, sequence(house))
    house.set_clock("2027-02-03 12:00")
    drain()
    [text] = house.texts(PHONE)
    assert (text.row.status, text.row.held_reason) == ("queued", "sequence_paused")
    page = house.page(f"/leads/{lead_id}")
    waiting = page[page.index("Waiting to be sent") :].split("</ol>")[0]
    assert "Its sequence is paused." in waiting
    assert "<time" not in waiting

    house.do(resume, sequence(house))
    drain()
    assert len(house.sent(PHONE)) == 1


def test_what_came_too_late_during_a_pause_is_never_sent(house: House, drain: Drain) -> None:
    house.set_clock("2027-02-02 22:00")
    house.ask()
    drain()
    house.do(pause, sequence(house))
    house.set_clock("2027-02-06 12:00")
    drain()
    house.do(resume, sequence(house))
    drain()
    text = house.texts(PHONE)[0]
    assert (text.row.status, text.row.reason) == ("blocked", "no_longer_useful")


def test_who_asks_during_a_pause_gets_nothing_late_and_the_lead_says_so(
    house: House, drain: Drain
) -> None:
    house.do(pause, sequence(house))
    lead_id = house.ask()
    drain()
    page = house.page(f"/leads/{lead_id}")
    assert f"Sequence “{FIRST}” did not start" in page
    assert "it was paused" in page

    house.do(resume, sequence(house))
    house.runtime.clock.advance(days=2)
    drain()
    assert house.texts(PHONE) == []


def test_resuming_one_sequence_lets_nothing_of_another_paused_one_go(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-02-02 22:00")
    house.ask()
    drain()
    [other] = house.all(Automation, col(Automation.name) != FIRST)
    for automation_id in (sequence(house), other.id):
        house.do(pause, automation_id)
    house.set_clock("2027-02-03 12:00")
    drain()
    house.do(resume, other.id)
    drain()
    [text] = house.texts(PHONE)
    assert (text.row.status, text.row.held_reason) == ("queued", "sequence_paused")
