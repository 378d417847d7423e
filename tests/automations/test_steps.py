"""Each step decides by itself: no database, no clock of its own."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automations.conditions import LanguageIs, LeadIsOpen
from automations.facts import Facts, LeadFacts
from automations.outcomes import AwaitSettled, Exit, MoveLead, Next, Outcome, QueueText, WaitUntil
from automations.steps import MoveStage, SendText, Stop, WaitFor, WaitUntilTime
from automations.steps.base import Run
from automations.steps.move_stage import GRACE
from automations.steps.wait_until import WEEKDAYS

NEW_YORK = ZoneInfo("America/New_York")
ZONES = ["America/New_York", "America/Phoenix", "Pacific/Honolulu", "America/St_Johns", "UTC"]
NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(9)]
LEAD = LeadFacts(IDS[1], pipeline_id=IDS[2], stage_id=IDS[3], stage_kind="open", source="form")

YEARS = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
seconds = st.integers(*(int(year.timestamp()) for year in YEARS))
instants = seconds.map(lambda second: datetime.fromtimestamp(second, UTC))
zones = st.sampled_from(ZONES).map(ZoneInfo)


def run(now: datetime = NOW, zone: ZoneInfo = NEW_YORK, facts: Facts | None = None) -> Run:
    return Run(IDS[4], IDS[5], facts or Facts("en", LEAD), "key", now, zone, IDS[0], "steps.0")


def resumes(outcome: Outcome) -> datetime:
    assert isinstance(outcome.then, WaitUntil)
    return outcome.then.at


def test_a_text_is_queued_under_the_runs_key_and_awaited() -> None:
    outcome = SendText(template_id=IDS[6], useful_hours=2).take(run())

    assert outcome == Outcome(
        (QueueText(IDS[5], IDS[1], IDS[6], "key", NOW + timedelta(hours=2)),), then=AwaitSettled()
    )


def test_a_contact_without_a_lead_gets_its_text_too() -> None:
    [effect] = SendText(template_id=IDS[6]).take(run(facts=Facts("en"))).effects

    assert isinstance(effect, QueueText)
    assert effect.lead_id is None


def test_a_step_is_skipped_where_its_conditions_do_not_hold() -> None:
    step = SendText(template_id=IDS[6], when=(LeadIsOpen(), LanguageIs(language="es")))

    assert step.take(run()) == Outcome(skipped="condition_language_is")
    assert step.take(run(facts=Facts("es", LEAD))).effects
    assert step.take(run(facts=Facts("es"))) == Outcome(skipped="condition_lead_is_open")


def test_a_day_later_is_the_same_time_of_day_when_the_clocks_change() -> None:
    before = datetime(2026, 3, 7, 10, 0, tzinfo=NEW_YORK)

    at = resumes(WaitFor(days=1).take(run(before.astimezone(UTC))))

    assert at.astimezone(NEW_YORK).replace(tzinfo=None) == datetime(2026, 3, 8, 10, 0)  # noqa: DTZ001
    assert at - before.astimezone(UTC) == timedelta(hours=23)


def test_24_hours_are_24_hours_when_the_clocks_change() -> None:
    before = datetime(2026, 3, 7, 15, 0, tzinfo=UTC)

    assert resumes(WaitFor(hours=24).take(run(before))) == before + timedelta(hours=24)


def test_a_minute_is_a_minute_in_the_hour_that_comes_twice() -> None:
    second = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 for the second time

    assert resumes(WaitFor(minutes=1).take(run(second))) == second + timedelta(minutes=1)


@given(now=instants, zone=zones, days=st.integers(0, 365), minutes=st.integers(1, 5000))
def test_a_wait_lasts_as_long_as_it_says(
    now: datetime, zone: ZoneInfo, days: int, minutes: int
) -> None:
    if days * 1440 + minutes > 365 * 1440:
        days = 361
    at = resumes(WaitFor(days=days, minutes=minutes).take(run(now, zone)))

    assert at > now
    assert abs(at - now - timedelta(days=days, minutes=minutes)) <= timedelta(hours=1)


@given(
    now=instants,
    zone=zones,
    time=st.times().map(lambda value: value.strftime("%H:%M")),
    weekday=st.none() | st.sampled_from(WEEKDAYS),
)
def test_wait_until_is_always_later_at_that_time_of_day_and_within_eight_days(
    now: datetime, zone: ZoneInfo, time: str, weekday: str | None
) -> None:
    step = WaitUntilTime.model_validate({"time": time, "weekday": weekday})

    at = resumes(step.take(run(now, zone)))
    local = at.astimezone(zone)
    day = local.replace(hour=step.time.hour, minute=step.time.minute, fold=0)
    is_jumped_over = day.astimezone(UTC).astimezone(zone).time() != step.time

    assert now < at <= now + timedelta(days=8 if weekday else 1, hours=2)
    assert local.strftime("%H:%M") == time or is_jumped_over
    assert local.second == local.microsecond == 0
    assert weekday is None or WEEKDAYS[local.weekday()] == weekday


def test_wait_until_a_time_that_is_skipped_waits_as_much_longer() -> None:
    night = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)  # midnight; 02:30 does not come

    at = resumes(WaitUntilTime.model_validate({"time": "02:30"}).take(run(night)))

    assert at.astimezone(NEW_YORK).strftime("%d %H:%M") == "08 03:30"


def test_wait_until_the_time_it_is_means_tomorrow() -> None:
    at = datetime(2026, 6, 1, 9, 30, tzinfo=NEW_YORK)

    found = resumes(WaitUntilTime.model_validate({"time": "09:30"}).take(run(at.astimezone(UTC))))

    assert found == at + timedelta(days=1)


def test_a_lead_is_moved_and_the_sequence_rests_for_what_the_move_ends() -> None:
    outcome = MoveStage(pipeline_id=IDS[2], stage_id=IDS[7]).take(run())

    assert outcome == Outcome((MoveLead(IDS[1], IDS[7]),), then=WaitUntil(NOW + GRACE))


@pytest.mark.parametrize(
    ("step", "facts", "skipped"),
    [
        (MoveStage(pipeline_id=IDS[2], stage_id=IDS[3]), Facts("en", LEAD), "already_there"),
        (MoveStage(pipeline_id=IDS[8], stage_id=IDS[7]), Facts("en", LEAD), "other_pipeline"),
        (MoveStage(pipeline_id=IDS[2], stage_id=IDS[7]), Facts("en"), "no_lead"),
    ],
)
def test_a_lead_that_cannot_be_moved_is_left_where_it_is(
    step: MoveStage, facts: Facts, skipped: str
) -> None:
    assert step.take(run(facts=facts)) == Outcome(then=Next(), skipped=skipped)


def test_stop_leaves() -> None:
    assert Stop().take(run()) == Outcome(then=Exit("stopped"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"days": 0},
        {"days": 366},
        {"days": 365, "minutes": 1},
        {"minutes": -1},
        {"days": 1, "weeks": 1},
    ],
)
def test_a_wait_that_is_none_or_too_long_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        WaitFor.model_validate(fields)


@pytest.mark.parametrize("time", ["", "9.30", "24:00", "09:60", "09:30:15", "morning", None, 930])
def test_what_is_no_time_of_day_is_refused(time: object) -> None:
    with pytest.raises(ValidationError):
        WaitUntilTime.model_validate({"time": time})
