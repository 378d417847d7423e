"""A pass: step after step until the first wait, whatever the sequence is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from automations.definitions import SequenceDefinition
from automations.facts import Facts, LeadFacts
from automations.outcomes import AwaitSettled, Exit, MoveLead, Next, QueueText
from automations.rehearsal import rehearse
from automations.subjects import Subject
from automations.walking import LOOK_AGAIN, PAUSED_FOR, Pass, Standing, walk

NOW = datetime(2026, 3, 7, 15, 0, tzinfo=UTC)
ID = UUID(int=7)
LEAD = LeadFacts(ID, ID, ID, "open", "form")
SEND = {"kind": "send_text", "template_id": str(ID)}
DAY = {"kind": "wait_for", "days": 1}
STOP = {"kind": "stop"}
SKIPPED = {**SEND, "when": [{"kind": "language_is", "language": "es"}]}
MOVE = {"kind": "move_stage", "pipeline_id": str(ID), "stage_id": str(UUID(int=8))}
KINDS = [
    SEND,
    DAY,
    SKIPPED,
    MOVE,
    {"kind": "move_stage", "pipeline_id": str(ID), "stage_id": str(ID)},
    {"kind": "wait_for", "minutes": 5},
    {"kind": "wait_until", "time": "09:30"},
    {"kind": "wait_until", "time": "08:00", "weekday": "monday"},
    {**STOP, "when": [{"kind": "lead_is_open"}]},
    {**STOP, "when": [{"kind": "source_is", "sources": ["api"]}]},
]


def standing(*steps: Any, **more: Any) -> Standing:
    definition = SequenceDefinition.model_validate(
        {"name": "A", "trigger": {"kind": "lead_created"}, "steps": steps}
    )
    values: dict[str, Any] = {
        "id": ID,
        "automation_id": ID,
        "automation_name": "A",
        "is_paused": False,
        "definition": definition,
        "subject": Subject(ID, ID),
        "facts": Facts("en", LEAD),
        "zone": ZoneInfo("America/New_York"),
        "cause": (),
    }
    return Standing(**values | more)


def test_a_pass_ends_where_a_text_is_awaited() -> None:
    one = walk(standing(SEND, DAY), NOW)

    assert (one.step, one.occurrence) == (1, 1)
    assert one.awaits == f"{ID}:0:0"
    assert one.due_at == NOW + LOOK_AGAIN
    assert [effect.dedupe_key for effect in one.effects if isinstance(effect, QueueText)] == [
        one.awaits
    ]


def test_a_pass_goes_over_steps_that_are_skipped() -> None:
    one = walk(standing(SKIPPED, SKIPPED, DAY, SEND), NOW)

    assert [taken.outcome.skipped for taken in one.taken] == [
        "condition_language_is",
        "condition_language_is",
        None,
    ]
    assert one.step == 3
    assert one.due_at is not None
    assert one.due_at > NOW


def test_a_pass_that_comes_to_the_end_has_finished() -> None:
    one = walk(standing(DAY, SKIPPED, step=1, occurrence=1), NOW)

    assert (one.due_at, one.exit_reason, one.step) == (None, "finished", 2)


def test_one_that_stands_behind_the_last_step_has_finished() -> None:
    one = walk(standing(SEND, step=1, occurrence=1, awaits="k", awaited_status="sent"), NOW)

    assert (one.due_at, one.exit_reason, one.taken) == (None, "finished", ())


def test_who_waits_for_a_text_stays_until_it_is_settled() -> None:
    for status in ("queued", "sending", "unconfirmed"):
        at = standing(SEND, SEND, step=1, occurrence=1, awaits="k", awaited_status=status)
        assert walk(at, NOW) == Pass(at, 1, 1, NOW + LOOK_AGAIN, "k")
    for settled in ("sent", "delivered", "undelivered", "failed", "blocked", "voided", None):
        at = standing(SEND, SEND, step=1, occurrence=1, awaits="k", awaited_status=settled)
        assert walk(at, NOW).awaits == f"{ID}:1:1"


def test_nobody_goes_on_in_a_paused_automation() -> None:
    at = standing(SEND, is_paused=True)

    assert walk(at, NOW) == Pass(at, 0, 0, NOW + PAUSED_FOR)


@given(steps=st.lists(st.sampled_from(KINDS), min_size=1, max_size=50), data=st.data())
def test_a_pass_never_takes_a_step_twice_and_always_rests_or_ends(
    steps: list[Any], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(steps)))
    at = standing(*steps, step=place, occurrence=place)

    one = walk(at, NOW)

    assert [taken.step for taken in one.taken] == list(range(place, one.step))
    assert len({(taken.step, taken.occurrence) for taken in one.taken}) == len(one.taken)
    assert (one.due_at is None) is (one.exit_reason is not None)
    assert one.due_at is None or one.due_at > NOW
    assert all(isinstance(taken.outcome.then, Next) for taken in one.taken[:-1])
    if one.exit_reason == "finished":
        assert one.step == len(steps)


@given(steps=st.lists(st.sampled_from(KINDS), min_size=1, max_size=50))
def test_a_rehearsal_goes_through_to_the_end_once(steps: list[Any]) -> None:
    told = list(rehearse(standing(*steps), NOW))

    assert [one.taken.step for one in told] == list(range(len(told)))
    assert [one.at for one in told] == sorted(one.at for one in told)
    assert len(told) == len(steps) or isinstance(told[-1].taken.outcome.then, Exit)
    keys = [
        effect.dedupe_key
        for one in told
        for effect in one.taken.outcome.effects
        if isinstance(effect, QueueText)
    ]
    assert len(keys) == len(set(keys))


def test_a_rehearsal_says_what_is_sent_when_in_a_paused_one_too() -> None:
    told = list(rehearse(standing(SEND, DAY, SEND, MOVE, is_paused=True), NOW))

    assert [one.taken.kind for one in told] == ["send_text", "wait_for", "send_text", "move_stage"]
    # The clocks change in that night: a day later is 23 hours later.
    assert told[2].at == NOW + timedelta(hours=23)
    assert isinstance(told[2].taken.outcome.then, AwaitSettled)
    assert isinstance(told[3].taken.outcome.effects[0], MoveLead)
