"""From a request to its last follow-up: when each text leaves, and what ends them."""

from datetime import timedelta

from sqlalchemy import update

from automations.models import Enrollment
from automations.sequences import load_automation
from crm.accounts.models import Clinic, Role
from crm.contacts.models import Contact
from crm.messaging.actions import add_template
from crm.messaging.models import Communication
from crm.messaging.settling import StatusIn, apply_statuses
from pipelines.models import Lead, LostReason
from tests.conftest import Drain
from tests.support.houses import LOS_ANGELES, NEW_YORK, PHONE, House

FIRST = "New request follow-up"
CONTACTED = "Contacted, no answer"
ANGELENO = "+13105550142"


def live(house: House, name: str) -> list[Enrollment]:
    return [one for one in house.enrollments(name) if one.state == "live"]


def test_the_form_is_filled_and_the_first_text_arrives(house: House, drain: Drain) -> None:
    answer = house.fill_form(name="Robin Vale", service="New patient visit", message="A molar")
    assert answer.status_code == 303
    assert house.visitor().get(answer.headers["location"]).status_code == 200

    drain()

    [text] = house.sent(PHONE)
    assert text.startswith("Hi Robin, this is Riverside Dental.")
    assert "STOP" in text
    assert "HELP" in text
    [lead] = house.all(Lead)
    page = house.page(f"/leads/{lead.id}")
    assert "Hi Robin, this is Riverside Dental." in page
    assert "Robin Vale" in page
    assert lead.source == "form"
    assert "Robin Vale" in house.page("/pipeline")


def test_a_request_at_night_gets_its_text_in_the_morning_of_the_patients_zone(
    house: House, drain: Drain
) -> None:
    asked = house.set_clock("2027-02-02 22:00", LOS_ANGELES)
    lead_id = house.ask(ANGELENO)
    drain()
    assert house.sent() == []
    [held] = house.texts(ANGELENO)
    assert (held.row.status, held.row.held_reason) == ("queued", "quiet_hours")
    page = house.page(f"/leads/{lead_id}")
    assert "Waiting to be sent" in page

    # 08:00 in New York is still five in the morning where the phone is.
    house.set_clock("2027-02-03 08:20", NEW_YORK)
    drain()
    house.set_clock("2027-02-03 07:59", LOS_ANGELES)
    drain(most=3)
    assert house.sent() == []

    assert held.row.due_at is not None
    due = held.row.due_at.astimezone(LOS_ANGELES)
    assert due.date() == (asked + timedelta(days=1)).date()
    assert (due.hour, due.minute < 15) == (8, True)
    house.set_instant(due)
    drain()
    assert len(house.sent(ANGELENO)) == 1
    drain()
    assert len(house.texts(ANGELENO)) == 1


def test_the_follow_ups_leave_a_day_and_three_days_later(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    [first] = house.texts(PHONE)
    for days, wanted in ((1, 2), (3, 3)):
        [enrollment] = live(house, FIRST)
        due = enrollment.due_at
        assert due is not None
        last = house.texts(PHONE)[-1].row
        assert last.settled_at is not None
        # Counted from when the text before was settled, and a moment for telling of it.
        assert timedelta() <= due - last.settled_at - timedelta(days=days) < timedelta(minutes=1)

        house.set_instant(due - timedelta(seconds=30))
        drain(most=3)
        assert len(house.texts(PHONE)) == wanted - 1

        house.set_instant(due)
        drain()
        assert len(house.sent(PHONE)) == wanted
    [ended] = house.enrollments(FIRST)
    assert (ended.state, ended.exit_reason) == ("ended", "finished")
    house.runtime.clock.advance(days=30)
    drain()
    assert len(house.texts(PHONE)) == 3
    assert first.row.message_class == "care"


def test_a_wait_of_a_day_keeps_the_hour_over_a_change_of_the_clocks(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-03-13 10:00")  # the night after, the clocks go forward
    house.ask()
    drain()
    [enrollment] = live(house, FIRST)
    assert enrollment.due_at is not None
    local = enrollment.due_at.astimezone(NEW_YORK)
    assert (local.day, local.hour) == (14, 10)


def test_an_answer_ends_the_sequence_and_is_on_the_timeline(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.receive("Tuesday would suit me")
    drain()

    [ended] = house.enrollments(FIRST)
    assert (ended.state, ended.exit_reason) == ("ended", "replied")
    assert "Tuesday would suit me" in house.page(f"/leads/{lead_id}")
    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 1


def test_an_answer_voids_the_text_that_still_waits(house: House, drain: Drain) -> None:
    house.set_clock("2027-02-02 22:00")
    house.ask()
    drain()
    house.receive("Please call me instead")
    drain()
    [text] = house.texts(PHONE)
    assert (text.row.status, text.row.reason) == ("voided", "replied")
    house.set_clock("2027-02-03 12:00")
    drain()
    assert house.sent() == []


def test_a_stage_move_starts_that_stages_sequence_and_ends_the_first(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    drain()
    answer = house.move(lead_id, "Contacted")
    assert answer.status_code == 303
    drain()

    [first] = house.enrollments(FIRST)
    assert (first.state, first.exit_reason) == ("ended", "stage_changed")
    [second] = live(house, CONTACTED)
    assert second.lead_id == lead_id
    assert house.stage_of(lead_id) == "Contacted"

    assert second.due_at is not None
    house.set_instant(second.due_at)
    drain()
    assert "We tried to reach you" in house.sent(PHONE)[-1]
    assert len(house.sent(PHONE)) == 2


def test_winning_a_lead_ends_everything(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.move(lead_id, "Became a patient")
    drain()
    assert [one.exit_reason for one in house.enrollments()] == ["won"]
    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 1


def test_a_known_contact_with_an_open_lead_asks_again(house: House, drain: Drain) -> None:
    first = house.ask()
    drain()
    second = house.ask("(212) 555-0142", service="Orthodontics")
    drain()
    assert first == second
    assert len(house.all(Lead)) == 1
    assert len(house.all(Contact)) == 1
    assert house.events("lead.") == ["lead.created", "lead.requested_again"]
    assert len(house.sent(PHONE)) == 1


def test_whoever_asks_again_after_the_lead_was_lost_gets_a_new_lead(
    house: House, drain: Drain
) -> None:
    first = house.ask()
    drain()
    reason = str(house.all(LostReason)[0].id)
    assert house.move(first, "Lost", lost_reason_id=reason).status_code == 303
    drain()
    assert house.ask() != first
    drain()
    assert len(house.all(Lead)) == 2
    assert len(house.all(Contact)) == 1
    assert len(house.sent(PHONE)) == 2


def test_a_text_held_until_morning_is_not_overtaken_by_the_next_step(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-02-02 21:00")
    house.ask()
    drain()
    # A day passes while the workers are away; the first text was never sent.
    house.set_clock("2027-02-04 03:00")
    drain()
    assert [text.row.status for text in house.texts(PHONE)] == ["queued"]
    house.set_clock("2027-02-04 09:00")
    drain()
    assert len(house.sent(PHONE)) == 1
    [enrollment] = live(house, FIRST)
    assert enrollment.due_at is not None
    settled = house.texts(PHONE)[0].row.settled_at
    assert settled is not None
    assert enrollment.due_at >= settled + timedelta(days=1)


def test_who_may_not_read_messages_sees_that_texts_went_and_not_what_they_say(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    drain()
    house.receive("Tuesday would suit me")
    drain()
    expected: tuple[tuple[Role, bool], ...] = (
        ("marketer", False),
        ("provider", True),
        ("front_desk", True),
    )
    for role, reads in expected:
        page = house.page(f"/leads/{lead_id}", role)
        assert "Text received" in page
        assert ("Tuesday would suit me" in page) == reads, role
        assert ("Hi Robin" in page) == reads, role


def test_the_last_text_of_a_sequence_goes_once_more_but_not_after_it_was_ended(
    house: House, drain: Drain
) -> None:
    for name in ("Finished", "Ended"):
        house.do(add_template, f"{name}.", {"en": f"{name}, says {{{{ clinic_name }}}}."})
    for name, more in (("Finished", []), ("Ended", [{"kind": "wait_for", "days": 1}])):
        steps = [{"kind": "send_text", "template": f"{name}."}, *more]
        trigger = {"kind": "stage_entered", "stage": "Contacted"}
        document = {"name": name, "trigger": trigger, "steps": steps, "exits": ["stage_changed"]}
        house.do(load_automation, document)
    lead_id = house.ask()
    house.do(
        lambda uow: uow.session.execute(update(Clinic).values(daily_cap=9, voice_gap_minutes=0))
    )
    house.move(lead_id, "Contacted")
    drain()
    # The phones of the sandbox get everything at once: here they were off.
    house.do(lambda uow: uow.session.execute(update(Communication).values(provider_status="sent")))
    failed = [text.row.provider_id for text in house.texts(PHONE)]
    house.do(apply_statuses, [StatusIn(sid, "undelivered", "30003") for sid in failed if sid])
    house.move(lead_id, "Considering")
    drain()

    house.runtime.clock.advance(hours=1)
    drain()
    again = {
        (text.body.partition(",")[0], text.row.status, text.row.reason)
        for text in house.texts(PHONE)
        if text.row.retry_of is not None
    }
    assert {status for words, status, _ in again if words == "Finished"} <= {"sent", "delivered"}
    assert ("Ended", "voided", "stage_changed") in again
    assert "Finished" in {words for words, _, _ in again}
