"""The gate: nothing leaves against the law, whatever the facts; what is held is held for an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.compliance.gate import (
    BY_PERSON,
    CALL_TAKES,
    DAY,
    LEAST_LEFT,
    WEEKLY_CAP,
    Allow,
    Block,
    Defer,
    Facts,
    Voice,
    decide,
)
from crm.compliance.windows import STATE_WINDOWS
from crm.messaging.sending.taking import valid_for

NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # noon in New York
NIGHT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # ten in the evening there
OTHER = UUID(int=2)
ZONES = (
    *("America/New_York", "America/Chicago", "America/Los_Angeles", "Pacific/Honolulu"),
    *("America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London"),
)


def facts(**known: Any) -> Facts:
    """Return the facts of a care text with consent, at noon."""
    usual = {
        "communication_id": UUID(int=1),
        "now": NOON,
        "message_class": "care",
        "created_at": NOON - timedelta(minutes=1),
        "zones": ("America/New_York",),
        "tier": "express",
    }
    return Facts(**{**usual, **known})


instants = st.datetimes(
    min_value=NOON.replace(tzinfo=None, year=2025),
    max_value=NOON.replace(tzinfo=None, year=2028),
    timezones=st.just(UTC),
)
hours = st.tuples(st.integers(0, 24), st.integers(0, 24)).map(lambda two: tuple(sorted(two)))
any_facts = st.builds(
    lambda now, ago, sent_ago, useful_in, replied_ago, answers, voice, **known: Facts(
        now=now,
        created_at=now - ago,
        sent_at=tuple(sorted(now - each for each in sent_ago)),
        useful_until=None if useful_in is None else now + useful_in,
        last_in_at=None if replied_ago is None else now - replied_ago,
        answers_at=None if answers is None else now - answers,
        other_voice=None if voice is None else Voice(OTHER, now - voice[0], *voice[1:]),
        **known,
    ),
    now=instants,
    ago=st.timedeltas(timedelta(), timedelta(days=2)),
    sent_ago=st.lists(st.timedeltas(timedelta(), timedelta(days=7)), max_size=9),
    useful_in=st.none() | st.timedeltas(timedelta(hours=-2), timedelta(days=2)),
    replied_ago=st.none() | st.timedeltas(timedelta(), timedelta(days=8)),
    answers=st.none() | st.timedeltas(timedelta(), timedelta(minutes=30)),
    voice=st.none()
    | st.tuples(
        st.timedeltas(timedelta(), timedelta(days=1)), st.booleans(), st.booleans(), st.booleans()
    ),
    is_outranked=st.booleans(),
    origin_week=st.none() | st.tuples(*[hours] * 7),
    gap=st.timedeltas(timedelta(), timedelta(hours=12)),
    communication_id=st.uuids(),
    message_class=st.sampled_from(["care", "marketing", "staff", "system"]),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(tuple),
    tier=st.sampled_from(["none", "express", "written"]),
    is_textable=st.booleans(),
    is_suppressed=st.booleans(),
    is_origin_live=st.booleans(),
    is_origin_paused=st.booleans(),
    is_lead_open=st.booleans(),
    is_holding=st.booleans(),
    has_sender=st.booleans(),
    is_sender_paused=st.booleans(),
    is_template_paused=st.booleans(),
    is_once_more=st.booleans(),
    states=st.lists(st.sampled_from(sorted(STATE_WINDOWS)), max_size=2, unique=True).map(tuple),
    daily_cap=st.integers(0, 4),
)


@given(any_facts)
def test_nothing_that_must_not_leave_is_allowed(known: Facts) -> None:
    if not isinstance(decide(known), Allow):
        return
    assert known.is_textable
    assert not known.is_holding or known.message_class == "staff"
    assert known.has_sender
    assert not known.is_sender_paused
    assert not known.is_template_paused
    assert not known.is_suppressed or known.message_class == "system"
    assert known.useful_until is None or known.useful_until > known.now
    if known.message_class == "care":
        assert known.tier in ("express", "written")
    if known.message_class == "marketing":
        assert known.tier == "written"
    if known.message_class in ("care", "marketing"):
        assert known.is_origin_live
        assert not known.is_origin_paused
        assert known.is_lead_open
        assert not known.is_outranked
        voice = known.other_voice
        is_recent = voice is not None and known.now - voice.at < known.gap
        assert not is_recent or (
            known.is_answer and not (voice and voice.has_arrived and voice.is_of_event)
        )
        assert len([at for at in known.sent_at if at > known.now - DAY]) < known.daily_cap
        if not known.is_answer:
            clocks = [known.now.astimezone(ZoneInfo(zone)) for zone in known.zones]
            assert all(8 <= clock.hour < 20 for clock in clocks)
            if known.origin_week is not None:
                today = [(clock.hour, known.origin_week[clock.weekday()]) for clock in clocks]
                assert all(start <= hour < end for hour, (start, end) in today)
            arrives = known.now + valid_for(known) + CALL_TAKES
            assert all(
                (arrives - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).hour < 20
                for zone in known.zones
            )
    assert valid_for(known) >= timedelta(seconds=60)
    assert known.useful_until is None or known.now + valid_for(known) <= known.useful_until


@given(any_facts)
def test_what_is_held_is_held_until_its_reason_is_gone(known: Facts) -> None:
    decision = decide(known)
    if not isinstance(decision, Defer):
        return
    assert decision.until > known.now
    if decision.reason in BY_PERSON:
        return
    # Whoever was to go first has gone by then.
    then = decide(replace(known, now=decision.until, is_outranked=False))
    assert not isinstance(then, Defer) or then.reason != decision.reason


@given(any_facts)
def test_the_gate_says_the_same_of_the_same_facts(known: Facts) -> None:
    assert decide(known) == decide(replace(known))


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"is_textable": False}, "not_textable"),
        ({"is_suppressed": True}, "suppressed"),
        ({"is_suppressed": True, "message_class": "staff"}, "suppressed"),
        ({"tier": "none"}, "no_consent"),
        ({"message_class": "marketing"}, "no_consent"),
        ({"message_class": "unheard of"}, "no_consent"),
        ({"is_origin_live": False}, "origin_ended"),
        ({"is_lead_open": False}, "lead_closed"),
        ({"useful_until": NOON}, "no_longer_useful"),
        ({"daily_cap": 0}, "daily_cap"),
        ({"zones": ("Nowhere/Land",)}, "unknown_zone"),
        ({"start_hour": 9, "end_hour": 9}, "quiet_hours"),
    ],
)
def test_what_is_final_is_blocked(known: dict[str, Any], reason: str) -> None:
    assert decide(facts(**known)) == Block(reason)  # type: ignore[arg-type]


MORNINGS = (*((9, 12),) * 5, (0, 0), (0, 0))
"""A sequence that writes on the mornings of working days."""


def test_what_a_sequence_keeps_for_its_hours_waits_for_them() -> None:
    held = decide(facts(origin_week=MORNINGS))
    assert isinstance(held, Defer)
    local = held.until.astimezone(ZoneInfo("America/New_York"))
    assert held.reason == "sequence_hours"
    assert (local.date() - NOON.date(), local.hour) == (DAY, 9)
    assert decide(facts(origin_week=MORNINGS, now=NOON - timedelta(hours=1))) == Allow()
    # At night the law speaks first, and the morning that is waited for suits both.
    at_night = decide(facts(origin_week=MORNINGS, now=NIGHT))
    assert isinstance(at_night, Defer)
    assert at_night.reason == "quiet_hours"
    assert decide(facts(origin_week=((20, 24),) * 7)) == Block("quiet_hours")


def test_an_email_keeps_to_the_hours_of_its_sequence_alone() -> None:
    email = {"channel": "email", "now": NIGHT}
    assert decide(facts(**email)) == Allow()
    assert decide(facts(**email, origin_week=((20, 24),) * 7)) == Allow()
    held = decide(facts(**email, origin_week=MORNINGS))
    assert isinstance(held, Defer)
    assert held.reason == "sequence_hours"


def test_a_final_reason_comes_before_a_hold() -> None:
    assert decide(facts(is_suppressed=True, is_holding=True)) == Block("suppressed")


def test_marketing_needs_written_consent_and_gets_by_with_it() -> None:
    assert decide(facts(message_class="marketing", tier="written")) == Allow()


@pytest.mark.parametrize("message_class", ["staff", "system"])
def test_people_and_keyword_answers_need_no_consent_and_no_daytime(message_class: str) -> None:
    many = tuple(NIGHT - timedelta(minutes=minute) for minute in range(9, 0, -1))
    known = facts(message_class=message_class, tier="none", now=NIGHT, sent_at=many)
    assert decide(known) == Allow()


def test_what_staff_write_leaves_while_all_else_is_held() -> None:
    assert decide(facts(message_class="staff", is_holding=True)) == Allow()


def test_the_confirmation_of_a_stop_goes_to_who_opted_out() -> None:
    assert decide(facts(message_class="system", tier="none", is_suppressed=True)) == Allow()


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"is_holding": True}, "hold"),
        ({"is_holding": True, "message_class": "system"}, "hold"),
        ({"has_sender": False}, "no_sender"),
        ({"is_sender_paused": True}, "sender_paused"),
        ({"is_origin_paused": True}, "sequence_paused"),
        ({"is_origin_paused": True, "now": NIGHT}, "sequence_paused"),
        ({"is_template_paused": True}, "template_paused"),
    ],
)
def test_what_a_person_lets_go_is_looked_at_again(known: dict[str, Any], reason: str) -> None:
    decision = decide(facts(**known))
    assert isinstance(decision, Defer)
    assert decision.reason == reason


def test_what_a_paused_sequence_holds_is_not_sent_once_it_came_too_late() -> None:
    known = facts(is_origin_paused=True, useful_until=NOON + timedelta(minutes=5))
    decision = decide(known)
    assert isinstance(decision, Defer)
    assert decide(replace(known, now=decision.until)) == Block("no_longer_useful")


def test_a_pause_holds_no_person_and_no_keyword_answer() -> None:
    for message_class in ("staff", "system"):
        assert decide(facts(message_class=message_class, is_origin_paused=True)) == Allow()


def test_a_text_at_night_waits_for_the_morning_and_spreads() -> None:
    morning = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)  # eight in New York
    untils = set()
    for number in range(40):
        decision = decide(facts(now=NIGHT, communication_id=UUID(int=number * 7919)))
        assert isinstance(decision, Defer)
        assert decision.reason == "quiet_hours"
        assert morning <= decision.until < morning + timedelta(minutes=15)
        untils.add(decision.until)
    assert len(untils) > 30


def test_every_zone_must_be_awake() -> None:
    at_nine_in_new_york = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    zones = ("America/New_York", "America/Los_Angeles")
    decision = decide(facts(now=at_nine_in_new_york, zones=zones))
    assert isinstance(decision, Defer)
    assert decision.until.astimezone(ZoneInfo("America/Los_Angeles")).hour == 8


def test_a_text_that_might_arrive_after_the_window_waits_for_the_morning_tw43() -> None:
    end = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 20:00 in New York
    assert decide(facts(now=end - LEAST_LEFT)) == Allow()
    for now in (end - LEAST_LEFT + timedelta(microseconds=1), end - timedelta(seconds=30), end):
        decision = decide(facts(now=now))
        assert isinstance(decision, Defer)
        assert decision.reason == "quiet_hours"
        assert decision.until - end >= timedelta(hours=12)


def test_a_text_that_might_arrive_after_its_use_is_not_sent_tw43() -> None:
    assert decide(facts(useful_until=NOON + LEAST_LEFT)) == Allow()
    late = facts(useful_until=NOON + LEAST_LEFT - timedelta(seconds=1))
    assert decide(late) == Block("no_longer_useful")


def test_the_second_try_of_a_text_is_over_with_an_answer_tw44() -> None:
    asked = NOON - timedelta(hours=1)
    known = facts(created_at=asked, is_once_more=True, last_in_at=asked - timedelta(seconds=1))
    assert decide(known) == Allow()
    assert decide(replace(known, last_in_at=asked + timedelta(seconds=1))) == Block("replied")


def test_a_text_that_would_come_too_late_is_not_kept() -> None:
    known = facts(now=NIGHT, useful_until=NIGHT + timedelta(hours=2))
    assert decide(known) == Block("no_longer_useful")


def test_a_direct_answer_may_come_at_night_but_not_a_quarter_of_an_hour_later() -> None:
    asked = NIGHT - timedelta(minutes=14)
    known = facts(now=NIGHT, answers_at=asked, created_at=asked + timedelta(seconds=5))
    assert decide(known) == Allow()
    assert isinstance(decide(replace(known, now=asked + timedelta(minutes=15))), Defer)
    assert isinstance(decide(replace(known, message_class="marketing", tier="written")), Defer)


def test_what_falls_due_by_chance_after_the_patient_wrote_is_no_answer() -> None:
    asked = NIGHT - timedelta(minutes=7)
    assert isinstance(decide(facts(now=NIGHT, last_in_at=asked)), Defer)


def test_a_text_planned_before_the_patient_wrote_is_no_answer() -> None:
    known = facts(now=NIGHT, answers_at=NIGHT - timedelta(minutes=1))
    known = replace(known, created_at=NIGHT - timedelta(minutes=2))
    assert isinstance(decide(known), Defer)


def test_the_fourth_text_waits_until_the_first_is_a_day_old() -> None:
    sent = tuple(NOON - timedelta(hours=hours) for hours in (23, 5, 4))
    decision = decide(facts(sent_at=sent))
    assert isinstance(decision, Defer)
    assert decision.reason == "daily_cap"
    assert decision.until == NOON + timedelta(hours=1)


def test_who_does_not_answer_gets_six_texts_a_week() -> None:
    sent = tuple(NOON - timedelta(days=6, hours=-hours * 20) for hours in range(WEEKLY_CAP))
    decision = decide(facts(sent_at=sent))
    assert isinstance(decision, Defer)
    assert decision.reason == "weekly_cap"
    assert decide(facts(sent_at=sent, last_in_at=sent[0])) == Allow()


def test_what_waits_for_room_under_a_cap_also_waits_for_the_morning() -> None:
    sent = tuple(NIGHT - timedelta(hours=hours) for hours in (23.5, 5, 4))
    decision = decide(facts(now=NIGHT - timedelta(hours=3), sent_at=sent))
    assert isinstance(decision, Defer)
    assert decision.until.astimezone(ZoneInfo("America/New_York")).hour == 8


@given(any_facts)
def test_an_email_never_waits_for_the_hour(known: Facts) -> None:
    decision = decide(replace(known, channel="email"))
    assert not isinstance(decision, Defer) or decision.reason != "quiet_hours"
    assert not isinstance(decision, Block) or decision.reason not in ("quiet_hours", "unknown_zone")


@given(any_facts)
def test_an_email_leaves_only_where_a_text_of_its_consent_could(known: Facts) -> None:
    email = replace(known, channel="email")
    if isinstance(decide(email), Allow) and email.is_automated:
        assert not email.is_suppressed
        assert email.tier in (
            ("written",) if email.message_class == "marketing" else ("express", "written")
        )
        assert len([at for at in email.sent_at if at > email.now - DAY]) < email.daily_cap


@given(any_facts)
def test_law_40_no_marketing_email_leaves_without_a_postal_address(known: Facts) -> None:
    email = replace(known, channel="email", message_class="marketing", has_postal_address=False)
    assert not isinstance(decide(email), Allow)
    assert decide(replace(email, channel="sms")) == decide(
        replace(email, channel="sms", has_postal_address=True)
    )
