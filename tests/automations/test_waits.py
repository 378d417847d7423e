"""Waits walk over weekends, days off and both nights on which the clocks change; dates move."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.definitions import InvalidDefinition, parse
from automations.facts import Facts, Moment, Reach
from automations.outcomes import Outcome, WaitUntil
from automations.rehearsal import rehearse
from automations.steps import WaitUntilTime
from crm.accounts.models import Clinic
from crm.contacts.models import Contact
from crm.core.clock import Clock
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from pipelines.lead.details import Change, change_detail
from pipelines.models import Lead
from tests.automations.conftest import (
    CREATED,
    DAY,
    HOUR,
    PHONE,
    SEND,
    Practice,
    address,
    enrolled,
    text_from,
)
from tests.automations.test_steps import NEW_YORK, instants, resumes, run, zones
from tests.automations.test_walking import LEAD, standing

CHRISTMAS = frozenset({date(2026, 12, 24), date(2026, 12, 25)})


def facts(closed_on: frozenset[date] = frozenset(), reach: Reach | None = None) -> Facts:
    moment = Moment(datetime(2026, 1, 1, tzinfo=UTC), NEW_YORK, closed_on=closed_on)
    return Facts("en", LEAD, {"clock": moment, "reach": reach or Reach()})


def local(day: int, hour: int, month: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK)


def waits(now: datetime, known: Facts | None = None, **step: Any) -> datetime:
    """Return until when a step waits that is taken then, on the clock of New York."""
    chosen = WaitUntilTime.model_validate({"time": "09:30", **step})
    return resumes(chosen.take(run(now.astimezone(UTC), facts=known or facts()))).astimezone(
        NEW_YORK
    )


def test_a_working_day_is_no_day_of_a_weekend() -> None:
    friday = local(18, 10)

    assert waits(friday) == local(19, 9, minute=30)
    assert waits(friday, business_days=True) == local(21, 9, minute=30)
    assert waits(local(20, 23), business_days=True) == local(21, 9, minute=30)
    assert waits(local(18, 9), business_days=True) == local(18, 9, minute=30)


def test_a_working_day_is_none_of_the_clinics_days_off() -> None:
    wednesday = local(23, 10)

    at = waits(wednesday, facts(CHRISTMAS), business_days=True)

    assert at == local(28, 9, minute=30)
    assert waits(wednesday, facts(CHRISTMAS)) == local(24, 9, minute=30)
    thursdays = waits(local(17, 10), facts(CHRISTMAS), business_days=True, weekday="thursday")
    assert thursdays == local(31, 9, minute=30)


def test_a_clinic_that_never_works_on_that_day_is_not_waited_for() -> None:
    closed = frozenset(date(2026, 1, 1) + timedelta(days=day) for day in range(800))
    step = WaitUntilTime.model_validate({"time": "09:30", "business_days": True})

    assert step.take(run(facts=facts(closed))) == Outcome(skipped="no_such_day")


def test_a_working_day_at_the_weekend_is_refused() -> None:
    wrong = {"kind": "wait_until", "time": "09:30", "weekday": "sunday", "business_days": True}
    with pytest.raises(InvalidDefinition) as caught:
        parse({"name": "A", "trigger": CREATED, "steps": [wrong]})

    assert "weekend" in caught.value.detail


def test_the_clock_may_be_the_one_where_the_person_is() -> None:
    noon = local(1, 12)

    assert waits(noon, facts(reach=Reach("America/Phoenix")), zone="recipient") == local(
        1, 11, minute=30
    ) + timedelta(days=1)
    assert waits(noon, facts(reach=Reach("Pacific/Honolulu")), zone="recipient") == local(
        1, 14, minute=30
    )
    assert waits(noon, facts(), zone="recipient") == local(2, 9, minute=30)


NIGHTS = {"spring": datetime(2026, 3, 7, 22, tzinfo=NEW_YORK), "autumn": local(31, 22, month=10)}


@pytest.mark.parametrize(
    ("night", "time", "hours"),
    [
        ("spring", "01:30", 3.5),
        ("spring", "02:30", 4.5),  # it is jumped over: 03:30
        ("spring", "08:00", 9),
        ("autumn", "01:30", 3.5),  # it comes twice: the first counts
        ("autumn", "02:30", 5.5),
        ("autumn", "08:00", 11),
    ],
)
def test_the_nights_on_which_the_clocks_change(night: str, time: str, hours: float) -> None:
    now = NIGHTS[night].astimezone(UTC)

    at = resumes(WaitUntilTime.model_validate({"time": time}).take(run(now, facts=facts())))

    assert at - now == timedelta(hours=hours)


@given(
    now=instants,
    zone=zones,
    closed=st.frozensets(st.integers(0, 40), max_size=12),
    weekday=st.none() | st.sampled_from(["monday", "friday"]),
)
def test_a_working_day_is_the_first_that_comes(
    now: datetime, zone: ZoneInfo, closed: frozenset[int], weekday: str | None
) -> None:
    today = now.astimezone(zone).date()
    off = frozenset(today + timedelta(days=day) for day in closed)
    step = WaitUntilTime.model_validate(
        {"time": "09:30", "business_days": True, "weekday": weekday}
    )

    at = resumes(step.take(run(now, zone, facts(off))))
    day = at.astimezone(zone).date()

    def counts(one: date) -> bool:
        is_wanted = weekday is None or one.strftime("%A").lower() == weekday
        return one.weekday() < 5 and one not in off and is_wanted

    assert counts(day)
    assert at > now
    between = (today + timedelta(days=days) for days in range(1, (day - today).days))
    assert not any(counts(one) for one in between)


def follow_up(practice: Practice, lead_id: UUID, day: str) -> None:
    practice.do(change_detail, lead_id, Change("follow_up", day))


def waiting_for_date(practice: Practice, **step: Any) -> UUID:
    """Let somebody wait for a follow-up day, the 20th of a month that the test's clock is in."""
    practice.publish("A", CREATED, {"kind": "wait_for_date", **step}, SEND, exits=["won"])
    lead_id = practice.lead(practice.person(PHONE))
    today = practice.do(lambda uow: uow.now.astimezone(NEW_YORK).date())
    follow_up(practice, lead_id, str(today + timedelta(days=20)))
    practice.work()
    return lead_id


def due_in_days(practice: Practice) -> float:
    """Return in how many days, from this morning at nine, the wait ends."""
    [one] = practice.enrollments()
    assert one.due_at is not None
    today = practice.do(lambda uow: uow.now.astimezone(NEW_YORK).date())
    return (one.due_at.astimezone(NEW_YORK).date() - today).days


def test_a_date_is_waited_for_in_the_morning_and_a_moved_one_moves_the_wait(
    practice: Practice, clock: Clock
) -> None:
    lead_id = waiting_for_date(practice, days=-2)
    assert due_in_days(practice) == 18
    [before] = practice.enrollments()
    assert before.due_at is not None
    assert before.due_at.astimezone(NEW_YORK).hour == 9

    today = practice.do(lambda uow: uow.now.astimezone(NEW_YORK).date())
    follow_up(practice, lead_id, str(today + timedelta(days=30)))
    practice.work()
    assert due_in_days(practice) == 28
    clock.advance(days=20)
    practice.work()
    assert practice.texts() == []

    follow_up(practice, lead_id, str(today + timedelta(days=21)))
    practice.work()
    assert len(practice.texts()) == 1
    waits_taken = [one for one in practice.step_runs() if one.kind == "wait_for_date"]
    assert len(waits_taken) == 2


def test_after_a_day_that_was_moved_to_the_past_an_answer_is_heard(
    practice: Practice, clock: Clock
) -> None:
    practice.publish(
        "A",
        CREATED,
        {"kind": "wait_for_date"},
        {"kind": "wait_for_event", "event": "replied", "days": 3, "happened": [], "timed_out": []},
        exits=["won"],
    )
    lead_id = practice.lead(practice.person(PHONE))
    today = practice.do(lambda uow: uow.now.astimezone(NEW_YORK).date())
    follow_up(practice, lead_id, str(today + timedelta(days=20)))
    practice.work()
    follow_up(practice, lead_id, str(today - timedelta(days=1)))
    practice.work()

    clock.advance(hours=1)
    practice.emit(text_from(address(practice)))
    practice.work()

    outcomes = [run.outcome for run in practice.step_runs() if run.kind == "wait_for_event"]
    assert [one["branch"] for one in outcomes if "branch" in one] == ["happened"]


def test_without_its_day_somebody_leaves_and_is_not_told_of_it(practice: Practice) -> None:
    lead_id = waiting_for_date(practice)

    follow_up(practice, lead_id, "")
    practice.work()

    [one] = practice.enrollments()
    assert (one.exit_reason, practice.texts()) == ("no_date", [])


def test_a_day_that_is_over_is_not_waited_for(practice: Practice) -> None:
    waiting_for_date(practice, days=-30)

    assert len(practice.texts()) == 1


@pytest.mark.parametrize("typed", ["tomorrow", "2026-02-30", "0001-01-01", "31.12.2026"])
def test_what_is_no_day_is_refused(practice: Practice, typed: str) -> None:
    lead_id = practice.lead(practice.person(PHONE))

    with pytest.raises(Invalid):
        follow_up(practice, lead_id, typed)


def test_days_off_and_the_persons_zone_are_read_where_a_step_asks(practice: Practice) -> None:
    def furnish(uow: UnitOfWork) -> None:
        [contact] = uow.session.query(Contact).all()
        contact.timezone = "Pacific/Honolulu"
        clinic = uow.session.get(Clinic, uow.clinic_id)
        assert clinic is not None
        today = uow.now.astimezone(NEW_YORK).date()
        clinic.closed_on = [str(today + timedelta(days=day)) for day in range(8)]
        uow.session.flush()

    practice.person(PHONE)
    practice.do(furnish)
    practice.publish(
        "A",
        CREATED,
        {"kind": "wait_until", "time": "09:30", "business_days": True, "zone": "recipient"},
    )
    contact = practice.do(lambda uow: uow.session.query(Contact.id).scalar())
    practice.lead(contact)
    practice.work()

    [one] = practice.enrollments()
    assert one.due_at is not None
    assert one.due_at.astimezone(ZoneInfo("Pacific/Honolulu")).strftime("%H:%M") == "09:30"
    assert one.due_at - one.entered_at > timedelta(days=6)


def test_a_held_text_is_not_overtaken_by_what_comes_after_it(
    practice: Practice, clock: Clock
) -> None:
    enrolled(practice, SEND, HOUR, SEND, exits=["won"])
    practice.work()
    clock.advance(hours=10)
    practice.work()
    assert len(practice.texts()) == 1

    practice.settle(practice.texts()[0])
    practice.work()
    assert len(practice.texts()) == 1
    clock.advance(hours=1)
    practice.work()
    assert len(practice.texts()) == 2


def test_a_rehearsal_waits_as_the_runner_does() -> None:
    steps = [{"kind": "wait_until", "time": "09:30", "business_days": True}, DAY]
    at = standing(*steps, facts=facts(CHRISTMAS))

    told = list(rehearse(at, local(23, 10).astimezone(UTC)))

    assert told[1].at == local(28, 9, minute=30)
    assert isinstance(told[0].taken.outcome.then, WaitUntil)


def test_a_lead_keeps_its_follow_up_day(practice: Practice) -> None:
    lead_id = practice.lead(practice.person(PHONE))
    follow_up(practice, lead_id, "2026-12-24")

    kept = practice.do(lambda uow: uow.get(Lead, lead_id).follow_up_on)

    assert kept == date(2026, 12, 24)
