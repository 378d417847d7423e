"""What keeps an automated text back: no consent, the clinic's hold, the cap, and a loop."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from automations.sequences import load_automation
from crm.accounts.models import Clinic
from crm.core.events import EventRow
from crm.messaging.actions import add_template, hold_sends, release_sends
from pipelines.models import Lead, StageMove
from tests.conftest import Drain
from tests.support.houses import PHONE, House

TEXT = {"kind": "send_text", "template": "Note"}


def publish(house: House, name: str, trigger: dict[str, Any], *steps: Any, **more: Any) -> None:
    """Publish a sequence with a text of its own."""
    document = {"name": name, "trigger": trigger, "steps": list(steps), **more}
    house.do(add_template, "Note", {"en": "A note from {{ clinic_name }}."})
    house.do(load_automation, document)


def hold(house: House, is_holding: bool) -> None:
    """Turn the clinic's switch."""
    house.do(hold_sends if is_holding else release_sends)


def test_without_consent_nothing_automated_is_sent_and_the_lead_says_why(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask(consent=False)
    drain()
    [text] = house.texts(PHONE)
    assert (text.row.status, text.row.reason) == ("blocked", "no_consent")
    assert "Nobody agreed to texts at this number." in house.page(f"/leads/{lead_id}")
    # It does not wait for what will never be sent; the later texts are asked about again.
    [enrollment] = house.enrollments()
    assert enrollment.state == "live"
    assert enrollment.awaits is None


def test_a_form_left_unticked_is_no_consent(house: House, drain: Drain) -> None:
    assert house.fill_form(tick=False).status_code == 303
    drain()
    assert house.sent() == []
    assert len(house.all(Lead)) == 1


def test_the_clinics_hold_keeps_everything_back_until_it_is_lifted(
    house: House, drain: Drain
) -> None:
    hold(house, True)
    lead_id = house.ask()
    drain(most=10)
    [text] = house.texts(PHONE)
    assert (text.row.status, text.row.held_reason) == ("queued", "hold")
    assert "The clinic holds all automated texts." in house.page(f"/leads/{lead_id}")
    hold(house, False)
    drain()
    assert len(house.sent(PHONE)) == 1


def test_an_address_gets_no_more_than_the_daily_cap(house: House, drain: Drain) -> None:
    """Of several sequences, each of which may speak: the clinic asks for no gap between them."""
    house.do(lambda uow: uow.session.execute(update(Clinic).values(voice_gap_minutes=0)))
    for number in range(4):
        publish(house, f"Note {number}", {"kind": "lead_created"}, TEXT)
    lead_id = house.ask()
    drain()
    sent = [text for text in house.texts(PHONE) if text.row.status != "queued"]
    held = [text for text in house.texts(PHONE) if text.row.status == "queued"]
    assert len(sent) == 3
    assert {text.row.held_reason for text in held} == {"daily_cap"}
    assert len(held) == 2
    assert "This number got its most texts for a day." in house.page(f"/leads/{lead_id}")

    for _ in range(8):
        house.runtime.clock.advance(hours=6)
        drain()
    taken = [text.row.taken_at for text in house.texts(PHONE) if text.row.taken_at]
    assert len(taken) == len(house.sent(PHONE)) >= 5
    for at in taken:
        assert len([one for one in taken if at <= one < at + timedelta(days=1)]) <= 3


def _loop(house: House) -> None:
    publish(
        house,
        "Forth",
        {"kind": "stage_entered", "stage": "Contacted"},
        {"kind": "move_stage", "stage": "Considering"},
        exits=[],
    )
    publish(
        house,
        "Back",
        {"kind": "stage_entered", "stage": "Considering"},
        {"kind": "move_stage", "stage": "Contacted"},
        exits=[],
    )


def test_two_sequences_that_move_a_lead_back_and_forth_are_stopped(
    house: House, drain: Drain
) -> None:
    _loop(house)
    lead_id = house.ask()
    drain()
    house.move(lead_id, "Contacted")
    drain(most=200)

    refused = house.all(EventRow, col(EventRow.name) == "enrollment.refused")
    assert "loop" in {row.payload["reason"] for row in refused}
    assert 2 < len(house.all(StageMove)) < 20
    # The guard is for what follows from itself: a person's move starts anew.
    moved = len(house.all(StageMove))
    target = "Contacted" if house.stage_of(lead_id) == "Considering" else "Considering"
    house.move(lead_id, target)
    drain(most=200)
    assert len(house.all(StageMove)) > moved + 1
