"""Conditions ask about facts, and only the facts that a sequence asks about are read."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from automations.conditions import CONDITIONS, AnyCondition, Condition
from automations.facts import Facts, LeadFacts, Moment, Reach, Texted
from automations.matching import enroll_matching
from automations.runner import advance
from crm.core.events import decode
from crm.core.uow import UnitOfWork
from pipelines.events import LeadCreated
from pipelines.lead.actions import tag_lead
from tests.automations.conftest import (
    CREATED,
    HOUR,
    PHONE,
    SEND,
    Practice,
    address,
    text_from,
)
from tests.automations.examples import EXAMPLES

NOW = datetime(2026, 12, 7, 15, 0, tzinfo=UTC)  # Monday, 10:00 in New York
IDS = [UUID(int=number) for number in range(9)]
DAYS = timedelta(days=1)
CHECKED: Any = TypeAdapter(AnyCondition)


def facts(**groups: Any) -> Facts:
    lead = LeadFacts(
        *IDS[1:4],
        "open",
        "form",
        owner_id=IDS[5],
        value_cents=5000,
        created_at=NOW - 10 * DAYS,
        stage_entered_at=NOW - 3 * DAYS + timedelta(minutes=1),
    )
    known: dict[str, Any] = {
        "clock": Moment(NOW, ZoneInfo("America/New_York"), since=NOW - 2 * DAYS),
        "reach": Reach(None, has_phone=True),
        "consents": frozenset({("sms", "care")}),
        "tags": {"vip": IDS[6]},
        "replies": NOW - DAYS,
        "texts": Texted(NOW - 2 * DAYS, NOW - 5 * DAYS),
        "requests": 2,
    }
    return Facts("en", lead, known | groups)  # type: ignore[arg-type]


CASES: list[tuple[dict[str, Any], bool]] = [
    ({"kind": "stage_kind_is", "kinds": ["won", "open"]}, True),
    ({"kind": "stage_kind_is", "kinds": ["won"]}, False),
    ({"kind": "pipeline_is", "pipeline_id": str(IDS[2])}, True),
    ({"kind": "pipeline_is", "pipeline_id": str(IDS[3])}, False),
    ({"kind": "owner_is"}, True),
    ({"kind": "owner_is", "user_id": str(IDS[5])}, True),
    ({"kind": "owner_is", "user_id": str(IDS[6])}, False),
    ({"kind": "value_is_at_least", "cents": 5000}, True),
    ({"kind": "value_is_at_least", "cents": 5001}, False),
    ({"kind": "lead_is_older", "days": 10}, True),
    ({"kind": "lead_is_older", "days": 11}, False),
    ({"kind": "stands_in_stage", "days": 2}, True),
    ({"kind": "stands_in_stage", "days": 3}, False),
    ({"kind": "has_phone"}, True),
    ({"kind": "has_email"}, False),
    ({"kind": "has_tag", "tag": "  Víp "}, True),
    ({"kind": "has_tag", "tag": "other"}, False),
    ({"kind": "may_contact", "channel": "sms"}, True),
    ({"kind": "may_contact", "channel": "sms", "purpose": "marketing"}, False),
    ({"kind": "may_contact", "channel": "email"}, False),
    ({"kind": "has_replied"}, True),
    ({"kind": "has_not_replied"}, False),
    ({"kind": "was_texted", "days": 3}, True),
    ({"kind": "was_texted", "days": 2}, False),
    ({"kind": "was_texted", "days": 3, "is_delivered": True}, False),
    ({"kind": "was_texted", "days": 6, "is_delivered": True}, True),
    ({"kind": "has_asked", "times": 2}, True),
    ({"kind": "has_asked", "times": 3}, False),
    ({"kind": "weekday_is", "weekdays": ["sunday", "monday"]}, True),
    ({"kind": "weekday_is", "weekdays": ["tuesday"]}, False),
    ({"kind": "time_is_between", "start": "10:00", "end": "10:01"}, True),
    ({"kind": "time_is_between", "start": "09:00", "end": "10:00"}, False),
    ({"kind": "time_is_between", "start": "22:00", "end": "10:01"}, True),
    ({"kind": "time_is_between", "start": "22:00", "end": "07:00"}, False),
    ({"kind": "in_business_hours"}, True),
]


def condition(document: dict[str, Any]) -> Condition:
    checked: Condition = CHECKED.validate_python(document)
    return checked


@pytest.mark.parametrize(("document", "expected"), CASES)
def test_a_condition_holds_by_what_it_looks_at(document: dict[str, Any], expected: bool) -> None:
    asked = condition(document)

    assert asked.holds(facts()) is expected
    assert asked.found(facts())["holds"] is expected


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_reads_only_what_it_says_it_needs(kind: type[Condition]) -> None:
    asked = kind.model_validate(EXAMPLES[kind])
    known = facts()
    read = {group: value for group, value in known.groups.items() if group in asked.asks()}

    assert asked.holds(Facts("en", known.lead, read)) is asked.holds(known)
    assert isinstance(asked.found(Facts("en", None, read))["holds"], bool)
    for group in asked.asks():
        less = {name: value for name, value in read.items() if name != group}
        with pytest.raises(LookupError):
            asked.found(Facts("en", known.lead, less))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOW, True),
        (NOW + timedelta(hours=10), False),
        (NOW - 1 * DAYS, False),
    ],
)
def test_the_clinics_hours_are_on_working_days(moment: datetime, expected: bool) -> None:
    clock = Moment(moment, ZoneInfo("America/New_York"))

    assert condition({"kind": "in_business_hours"}).holds(facts(clock=clock)) is expected


def test_a_day_off_is_no_business_day() -> None:
    clock = Moment(NOW, ZoneInfo("America/New_York"), closed_on=frozenset({date(2026, 12, 7)}))

    assert condition({"kind": "in_business_hours"}).holds(facts(clock=clock)) is False


def test_who_answered_before_entering_or_has_not_entered_has_not_replied() -> None:
    replied = condition({"kind": "has_replied"})
    outside = Moment(NOW, ZoneInfo("UTC"))

    assert replied.holds(facts(replies=NOW - 3 * DAYS)) is False
    assert replied.holds(facts(replies=None)) is False
    assert replied.holds(facts(clock=outside)) is False


def test_a_condition_without_a_history_is_of_now_or_of_the_clock_or_asks_others() -> None:
    for kind in CONDITIONS:
        is_composed = "of" in kind.model_fields
        is_timed = kind.needs == {"clock"}
        assert kind.history or kind.is_as_of_now or is_composed or is_timed, kind


EVERYTHING = [
    {"kind": "has_phone"},
    {"kind": "may_contact", "channel": "sms"},
    {"kind": "has_tag", "tag": "vip"},
    {"kind": "has_replied"},
    {"kind": "has_not_replied"},
    {"kind": "was_texted", "days": 3},
    {"kind": "has_asked", "times": 1},
]


def answers(practice: Practice) -> dict[str, bool]:
    """Return what each condition of the last choice found."""
    run = [one for one in practice.step_runs() if one.kind == "if_else"][-1]
    return {one["kind"]: one["holds"] for one in run.outcome["because"]}


def test_facts_are_read_from_what_is_there(practice: Practice) -> None:
    choice = {"kind": "if_else", "conditions": EVERYTHING, "otherwise": [HOUR]}
    practice.publish("A", CREATED, {"kind": "wait_for", "minutes": 5}, choice, exits=["won"])
    lead_id = practice.lead(practice.person(PHONE))
    practice.work()
    practice.do(tag_lead, lead_id, "VIP")
    practice.emit(text_from(address(practice)))
    practice.runtime.clock.advance(minutes=6)
    practice.work()

    assert answers(practice) == {
        "has_phone": True,
        "may_contact": False,
        "has_tag": True,
        "has_replied": True,
        "has_not_replied": False,
        "was_texted": False,
        "has_asked": False,
    }


def test_people_who_share_nothing_are_told_apart_in_one_chunk(practice: Practice) -> None:
    choice = {"kind": "if_else", "conditions": EVERYTHING, "otherwise": [HOUR]}
    counts = []
    for people in (2, 30):
        practice.publish("A", CREATED, {"kind": "wait_for", "minutes": 5}, choice, exits=["won"])
        leads = [
            practice.lead(practice.person(f"+1212555{people:02d}{number:02d}"))
            for number in range(people)
        ]
        practice.work()
        practice.do(tag_lead, leads[0], "vip")
        practice.work()
        practice.runtime.clock.advance(minutes=6)
        [claim] = practice.claim("enrollments")
        assert len(claim.ids) == people
        counts.append(practice.statements(lambda held=claim: advance(practice.runtime, held)))
        runs = [run for run in practice.step_runs() if run.kind == "if_else"][-people:]
        tagged = [
            one["holds"]
            for run in runs
            for one in run.outcome["because"]
            if one["kind"] == "has_tag"
        ]
        assert sorted(tagged) == [False] * (people - 1) + [True]

    assert counts[0] == counts[1]


def test_a_sequence_that_asks_nothing_reads_nothing_more(practice: Practice) -> None:
    def taken(*steps: Any) -> int:
        practice.publish("A", CREATED, *steps)
        practice.enter(people=2)
        [claim] = practice.claim("enrollments")
        return practice.statements(lambda: advance(practice.runtime, claim))

    plain = taken(SEND)
    asking = taken({**SEND, "when": [{"kind": "has_phone"}]})
    assert plain < asking

    practice.publish("A", CREATED, HOUR)
    practice.publish("B", CREATED, HOUR)
    lead_id = practice.lead(practice.person(PHONE))
    [*_, created] = [row for row in practice.told(LeadCreated) if row.lead_id == lead_id]

    def enroll(uow: UnitOfWork) -> None:
        enroll_matching(uow, [decode(created)])

    before = practice.statements(lambda: practice.do(enroll))
    assert before <= 12


def test_a_condition_of_entry_is_read_too(practice: Practice) -> None:
    practice.publish("A", CREATED, HOUR, conditions=[{"kind": "has_email"}])
    practice.publish("B", CREATED, HOUR, conditions=[{"kind": "has_phone"}])
    practice.lead(practice.person(PHONE))
    practice.work()

    assert (len(practice.enrollments("A")), len(practice.enrollments("B"))) == (0, 1)
