"""The reply-due clock: what starts it, what alone stops it, and what it reads to the front desk."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col

from crm.contacts.models import Address, Contact
from crm.core.uow import UnitOfWork
from crm.messaging.events import StaffTextSettled
from crm.messaging.models import Communication
from crm.messaging.settling.statuses import StatusIn, apply_statuses
from pipelines.consumers import keep_clocks
from pipelines.models import Lead, Pipeline
from pipelines.queries import lost_reasons
from pipelines.replies import due_at
from tests.conftest import Drain
from tests.support.browsing import Browser
from tests.support.houses import NAME, NEW_YORK, PHONE, House

QUARTER = timedelta(minutes=15)


def terms(minutes: int | None = 15, start: int = 8, end: int = 20, zone: str = "UTC") -> object:
    """What a pipeline promises, and the hours of its clinic."""
    return SimpleNamespace(
        reply_within_minutes=minutes,
        timezone=zone,
        window_start_hour=start,
        window_end_hour=end,
    )


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "minutes", "due"),
    [
        ("2027-02-02 10:00", 15, "2027-02-02 10:15"),
        ("2027-02-02 19:45", 15, "2027-02-02 20:00"),
        ("2027-02-02 19:50", 15, "2027-02-03 08:05"),
        ("2027-02-02 23:00", 15, "2027-02-03 08:15"),
        ("2027-02-03 03:00", 15, "2027-02-03 08:15"),
        ("2027-02-02 10:00", 1440, "2027-02-04 10:00"),
    ],
)
def test_only_the_clinics_hours_count(asked: str, minutes: int, due: str) -> None:
    assert due_at(at(asked), terms(minutes)) == at(due)


def test_it_stands_still_by_the_clinics_own_clock_also_when_that_changes() -> None:
    # In New York the clocks go forward in the night to 2027-03-14.
    evening = datetime(2027, 3, 13, 19, 50, tzinfo=NEW_YORK)
    due = due_at(evening, terms(zone="America/New_York"))
    assert due == datetime(2027, 3, 14, 8, 5, tzinfo=NEW_YORK)


def test_who_promises_nothing_has_no_clock_and_who_is_always_closed_has_a_plain_one() -> None:
    assert due_at(at("2027-02-02 10:00"), terms(None)) is None
    assert due_at(at("2027-02-02 23:00"), terms(start=8, end=8)) == at("2027-02-02 23:15")


@given(
    asked=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(1, 1440),
    hours=st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] < pair[1]),
    zone=st.sampled_from(["America/New_York", "America/Los_Angeles", "UTC"]),
)
def test_it_is_due_in_the_hours_and_never_before_its_minutes(
    asked: datetime, minutes: int, hours: tuple[int, int], zone: str
) -> None:
    since = asked.replace(tzinfo=UTC)
    due = due_at(since, terms(minutes, *hours, zone))
    assert due is not None
    assert due - since >= timedelta(minutes=minutes)
    # The last counted minute is one within the hours, which are also never outside 8 to 21.
    local = (due - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    shared = max(hours[0], 8), min(hours[1], 21)
    assert shared[0] >= shared[1] or shared[0] <= local.hour < shared[1]


def due_of(house: House, lead_id: UUID) -> datetime | None:
    [lead] = house.all(Lead, col(Lead.id) == lead_id)
    return lead.reply_due_at


def write(browser: Browser, lead_id: UUID, body: str = "Thursday at 4 pm?") -> None:
    page = f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/messages", body=body, key=str(uuid4()))
    assert answer.status_code == 303


def call(house: House, browser: Browser, lead_id: UUID, outcome: str) -> None:
    [phone] = house.all(Address, col(Address.value) == PHONE)
    page = f"/leads/{lead_id}"
    form = {"outcome": outcome, "address_id": str(phone.id), "key": str(uuid4())}
    assert browser.submit(page, f"{page}/calls", **form).status_code == 303


def test_a_request_starts_it_and_only_a_persons_text_stops_it(house: House, drain: Drain) -> None:
    asked = house.now()
    lead_id = house.ask()
    drain()
    assert house.sent(PHONE), "the sequence has written"
    browser = house.signed_in()
    browser.get(f"/leads/{lead_id}")
    house.move(lead_id, "Contacted")
    due = due_of(house, lead_id)
    assert due is not None
    assert timedelta() <= due - (asked + QUARTER) < timedelta(seconds=5)

    write(browser, lead_id)
    assert due_of(house, lead_id) == due, "it has not left yet"
    drain()
    assert due_of(house, lead_id) is None
    assert house.events("lead.reply_due").count("lead.reply_due_changed") == 1


def test_a_text_that_did_not_arrive_lets_it_run_on(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    due = due_of(house, lead_id)
    drain()
    write(house.signed_in(), lead_id)
    drain()
    [text] = house.all(Communication, col(Communication.origin_kind) == "user")
    assert text.provider_id is not None
    # The phones of the sandbox get everything at once: here it was off.
    house.do(lambda uow: setattr(uow.get(Communication, text.id), "provider_status", "sent"))
    for status, code, left in (("undelivered", "30003", due), ("delivered", None, None)):
        house.do(apply_statuses, [StatusIn(text.provider_id, status, code)])
        drain()
        assert due_of(house, lead_id) == left


def test_a_call_that_reached_the_patient_stops_it_until_it_is_taken_back(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    due = due_of(house, lead_id)
    drain()
    browser = house.signed_in()
    call(house, browser, lead_id, "voicemail")
    drain()
    assert due_of(house, lead_id) == due
    call(house, browser, lead_id, "completed")
    drain()
    assert due_of(house, lead_id) is None
    [talk] = house.all(Communication, col(Communication.provider_status) == "completed")
    page = f"/leads/{lead_id}"
    assert browser.submit(page, f"{page}/calls/{talk.id}/remove").status_code == 303
    drain()
    assert due_of(house, lead_id) == due


def test_a_patients_words_start_it_and_further_ones_leave_it(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    write(house.signed_in(), lead_id)
    drain()
    house.receive("HELP")
    drain()
    assert due_of(house, lead_id) is None, "a keyword asks for no answer"
    house.set_clock("2027-02-02 19:55")
    house.receive("Is Tuesday free?")
    drain()
    due = due_of(house, lead_id)
    assert due is not None
    assert due.astimezone(NEW_YORK).isoformat()[:16] == "2027-02-03T08:10"
    house.set_clock("2027-02-02 20:30")
    house.receive("Or Wednesday?")
    drain()
    assert due_of(house, lead_id) == due


def test_what_is_told_late_and_twice_ends_the_same(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    write(house.signed_in(), lead_id)
    drain()
    [text] = house.all(Communication, col(Communication.origin_kind) == "user")
    told = StaffTextSettled(
        order_key=text.address_id,
        lead_id=lead_id,
        contact_id=text.contact_id,
        communication_id=text.id,
    )
    house.runtime.clock.advance(minutes=1)
    house.receive("Is Tuesday free?")
    drain()
    due = due_of(house, lead_id)
    assert due is not None
    # What left before the patient wrote is told of again: it answers nothing newer.
    for _ in range(2):
        house.do(keep_clocks.run, [told])
    assert due_of(house, lead_id) == due


@pytest.mark.parametrize("is_answered_on_the_merged", [True, False])
def test_an_answer_to_who_was_merged_answers_every_lead(
    house: House, drain: Drain, *, is_answered_on_the_merged: bool
) -> None:
    merged, kept = house.ask(), house.ask("+12125550177", name="Casey Vale")
    drain()
    people = {lead.id: lead.contact_id for lead in house.all(Lead)}

    def merge(uow: UnitOfWork) -> None:
        uow.get(Contact, people[merged]).merged_into_id = people[kept]

    house.do(merge)
    write(house.signed_in(), merged if is_answered_on_the_merged else kept)
    drain()
    assert [due_of(house, lead_id) for lead_id in (merged, kept)] == [None, None]


def test_who_is_lost_and_answered_meanwhile_waits_no_more(house: House, drain: Drain) -> None:
    first = house.ask()
    [reason, *_] = house.do(lost_reasons)
    house.move(first, "Lost", lost_reason_id=str(reason.id))
    second = house.ask()
    drain()
    assert second != first
    write(house.signed_in(), second)
    drain()
    assert [due_of(house, lead_id) for lead_id in (first, second)] == [None, None]


def test_a_request_that_somebody_writes_down_is_answered_by_them(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    assert due_of(house, lead_id) is not None
    browser = house.signed_in()
    for name, phone in ((NAME, PHONE), ("Casey Vale", "+12125550177")):
        form = {"came": "walk_in", "name": name, "language": "en", "phone": phone}
        form["key"] = str(uuid4())
        assert browser.submit("/leads/new", "/leads", **form).status_code == 303
    assert [lead.reply_due_at for lead in house.all(Lead)] == [None, None]
    # Who asks again afterwards waits again.
    house.ask()
    assert due_of(house, lead_id) is not None


def test_no_reply_is_needed_until_one_is_after_all(house: House) -> None:
    lead_id = house.ask()
    due = due_of(house, lead_id)
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    assert "Reply due in" in browser.get(page).text
    assert browser.submit(page, f"{page}/reply/waive").status_code == 303
    assert due_of(house, lead_id) is None
    shown = browser.get(page).text
    assert "Reply due in" not in shown
    assert "No reply needed" in shown
    assert browser.submit(page, f"{page}/reply/waive", is_undo="true").status_code == 303
    assert due_of(house, lead_id) == due
    assert house.visitor().post(f"{page}/reply/waive").status_code in {303, 401, 403}


def test_undoing_takes_back_the_last_word_only(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    browser.submit(page, f"{page}/reply/waive")
    house.set_clock("2027-02-03 10:00")
    house.receive("Is 3 pm all right?")
    drain()
    due = due_of(house, lead_id)
    assert due is not None
    assert due.date() == datetime(2027, 2, 3, tzinfo=UTC).date()
    browser = house.signed_in()
    browser.submit(page, f"{page}/reply/waive")
    assert due_of(house, lead_id) is None
    browser.submit(page, f"{page}/reply/waive", is_undo="true")
    assert due_of(house, lead_id) == due


def test_no_reply_is_needed_to_what_was_seen(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    seen_at = house.now().isoformat()
    house.runtime.clock.advance(minutes=5)
    house.receive("Something else: I am allergic")
    drain()
    browser.submit(page, f"{page}/reply/waive", seen_at=seen_at)
    due = due_of(house, lead_id)
    assert due is not None
    assert due - house.now() > timedelta(minutes=14)


def test_undoing_after_an_answer_says_that_there_is_one(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    browser.submit(page, f"{page}/reply/waive")
    write(browser, lead_id)
    drain()
    browser.submit(page, f"{page}/reply/waive", is_undo="true")
    assert "They have been answered since." in browser.get(page).text


def test_one_word_or_text_is_for_every_lead_of_a_person(house: House, drain: Drain) -> None:
    first = house.ask()
    house.move(first, "Booked")
    second = house.ask()
    drain()
    assert first != second
    assert None not in (due_of(house, first), due_of(house, second))
    browser = house.signed_in()
    browser.submit(f"/leads/{second}", f"/leads/{second}/reply/waive")
    assert [due_of(house, lead_id) for lead_id in (first, second)] == [None, None]


def test_what_nobody_answered_for_a_month_starts_no_clock(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.runtime.clock.advance(days=31)
    call(house, house.signed_in(), lead_id, "voicemail")
    drain()
    assert due_of(house, lead_id) is None


def test_who_may_only_read_cannot_say_that_no_reply_is_needed(house: House) -> None:
    page = f"/leads/{house.ask()}"
    browser = house.signed_in("marketer")
    assert "/reply/waive" not in browser.get(page).text
    assert browser.submit(page, f"{page}/reply/waive").status_code == 403


def test_the_board_shows_who_waits_and_who_is_late(house: House) -> None:
    lead_id = house.ask()
    board = house.page("/pipeline")
    assert "Reply due in" in board
    assert str(lead_id) not in house.page("/pipeline?late=1")
    house.set_clock("2027-02-02 10:20")
    late = house.page("/pipeline?late=1")
    assert f'id="lead-{lead_id}"' in late
    assert '<span class="due-time">late 5:' in late or '<span class="due-time">late 4:' in late
    assert 'id="chip-late">1<' in late


def test_on_who_is_lost_nobody_waits_but_undoing_brings_the_clock_back(house: House) -> None:
    lead_id = house.ask()
    house.set_clock("2027-02-02 10:20")
    [reason, *_] = house.do(lost_reasons)
    house.move(lead_id, "Lost", lost_reason_id=str(reason.id))
    assert "data-due" not in house.page("/pipeline")
    assert str(lead_id) not in house.page("/pipeline?late=1")
    house.move(lead_id, "New")
    assert "data-due" in house.page("/pipeline")


def test_a_pipeline_promises_what_its_settings_say(house: House) -> None:
    [pipeline] = house.all(Pipeline)
    browser, page = house.signed_in("owner"), f"/settings/pipelines/{pipeline.id}"
    form = {"name": pipeline.name, "version": str(pipeline.version)}
    wrong = browser.submit(page, page, reply_within_minutes="0", **form)
    assert wrong.status_code == 422
    assert browser.submit(page, page, reply_within_minutes="30", **form).status_code == 303
    assert 'value="30"' in browser.get(page).text
    lead_id = house.ask()
    due = due_of(house, lead_id)
    assert due is not None
    assert timedelta(minutes=29) < due - house.now() <= timedelta(minutes=30)
    form["version"] = str(pipeline.version + 1)
    assert browser.submit(page, page, reply_within_minutes="", **form).status_code == 303
    assert due_of(house, lead_id) is None
    assert due_of(house, house.ask("+12125550177")) is None
