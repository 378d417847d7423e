"""Waiting for something to happen: heard at once, once, and the same whoever looks first."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from automations import by_hand
from automations.by_hand import skip_step
from automations.runner import advance
from automations.sequences import pause, resume
from crm.core.clock import Clock
from crm.core.events import decode
from crm.messaging.events import DeliveryReported, TextReceived
from pipelines.events import LeadRequestedAgain
from pipelines.lead.actions import tag_lead, untag_lead
from pipelines.lead.events import LeadTagged
from pipelines.tasks.events import TaskDone
from tests.automations.conftest import (
    CREATED,
    HOUR,
    MOVE,
    PHONE,
    SEND,
    Practice,
    address,
    text_from,
)

NEVER: dict[str, Any] = {"exits": ["won"]}
TAKEN = {"kind": "stop"}


def wait(event: str, happened: list[Any], timed_out: list[Any], **span: int) -> dict[str, Any]:
    lasts = span or {"days": 2}
    ways = {"happened": happened, "timed_out": timed_out}
    return {"kind": "wait_for_event", "event": event, **lasts, **ways}


def entered(practice: Practice, *steps: Any) -> UUID:
    """Publish a sequence that a reply does not end, and let somebody enter; return the lead."""
    practice.publish("A", CREATED, *steps, **NEVER)
    lead_id = practice.lead(practice.person(PHONE))
    practice.work()
    return lead_id


def ways(practice: Practice) -> list[Any]:
    """Return which way each wait went."""
    runs = [run for run in practice.step_runs() if run.kind == "wait_for_event"]
    return [run.outcome["branch"] for run in runs if "branch" in run.outcome]


def reply(practice: Practice, keyword: str | None = None) -> None:
    practice.emit(text_from(address(practice), keyword))


def test_an_answer_takes_one_way_at_once_and_once(practice: Practice, clock: Clock) -> None:
    entered(practice, wait("replied", [SEND], [MOVE]), HOUR)

    reply(practice)
    practice.work()

    assert ways(practice) == ["happened"]
    [text] = practice.texts()
    [one] = practice.enrollments()
    assert (one.listens, one.listens_until, text.dedupe_key) == (None, None, f"{one.id}:1:2")
    reply(practice)
    clock.advance(days=3)
    practice.work()
    assert (ways(practice), len(practice.texts())) == (["happened"], 1)


def test_without_an_answer_the_other_way_is_taken_when_the_time_is_over(
    practice: Practice, clock: Clock
) -> None:
    lead_id = entered(practice, wait("replied", [SEND], [MOVE]), HOUR)

    clock.advance(days=1, hours=23)
    practice.work()
    assert ways(practice) == []
    clock.advance(hours=1)
    practice.work()

    assert (ways(practice), practice.texts()) == (["timed_out"], [])
    assert practice.stage_of(lead_id) == "Contacted"


def test_an_answer_that_came_before_the_wait_began_counts(practice: Practice) -> None:
    entered(practice, SEND, wait("replied", [TAKEN], [MOVE]))
    practice.runtime.clock.advance(seconds=10)
    reply(practice)
    practice.work()
    assert ways(practice) == []

    practice.settle(practice.texts()[0])
    practice.work()

    assert ways(practice) == ["happened"]
    [one] = practice.enrollments()
    assert one.exit_reason == "stopped"


def test_an_answer_to_the_text_before_is_none_to_this_one(practice: Practice) -> None:
    entered(practice, SEND, wait("replied", [SEND], []), wait("replied", [TAKEN], [], hours=1))
    practice.settle(practice.texts()[0])
    practice.work()
    reply(practice)
    practice.work()
    assert ways(practice) == ["happened"]
    practice.settle(practice.texts()[1])
    practice.work()

    assert ways(practice) == ["happened"]
    [one] = practice.enrollments()
    assert one.listens == "replied"


def test_one_answer_ends_one_wait_and_a_second_the_next_though_both_are_seen_late(
    practice: Practice,
) -> None:
    entered(practice, wait("replied", [], []), wait("replied", [], []), HOUR)
    practice.runtime.clock.advance(seconds=10)
    reply(practice)
    practice.runtime.clock.advance(seconds=10)
    reply(practice)

    practice.work()

    assert ways(practice) == ["happened", "happened"]


def test_stop_is_no_answer(practice: Practice) -> None:
    entered(practice, wait("replied", [SEND], [MOVE]))

    reply(practice, keyword="stop")
    practice.work()

    assert ways(practice) == []


@pytest.mark.parametrize("is_in_time", [True, False])
@pytest.mark.parametrize("is_event_first", [True, False])
def test_the_answer_and_the_end_of_the_wait_come_to_the_same_in_either_order(
    practice: Practice, clock: Clock, is_in_time: bool, is_event_first: bool
) -> None:
    entered(practice, wait("replied", [], [], hours=1), HOUR)
    [waiting] = practice.enrollments()
    assert waiting.listens_until is not None
    before = waiting.listens_until - practice.do(lambda uow: uow.now)
    clock.advance(seconds=before.total_seconds() + (-10 if is_in_time else 10))
    reply(practice)
    clock.advance(seconds=30)

    if is_event_first:
        practice.work()
    else:
        [claim] = practice.claim("enrollments")
        advance(practice.runtime, claim)
        practice.work()

    assert ways(practice) == ["happened" if is_in_time else "timed_out"]


def test_a_worker_that_holds_the_passage_sees_what_came_meanwhile(practice: Practice) -> None:
    entered(practice, wait("replied", [], [], hours=1), HOUR)
    practice.runtime.clock.advance(minutes=59)
    reply(practice)
    practice.runtime.clock.advance(minutes=2)
    [claim] = practice.claim("enrollments")
    practice.deliver()
    assert ways(practice) == []

    advance(practice.runtime, claim)

    assert ways(practice) == ["happened"]


def test_an_answer_that_is_delivered_twice_or_long_after_wakes_nobody_again(
    practice: Practice,
) -> None:
    entered(practice, wait("replied", [SEND], []), wait("replied", [MOVE], [], hours=1))
    reply(practice)
    practice.work()
    [told] = practice.told(TextReceived)
    practice.settle(practice.texts()[0])
    practice.work()

    consumers = practice.runtime.subscriptions.of(TextReceived.name)
    for consumer in consumers:
        practice.do(consumer.run, [decode(told)])
        practice.work()

    assert ways(practice) == ["happened"]


def test_what_ends_a_sequence_ends_the_wait_too(practice: Practice) -> None:
    practice.publish("A", CREATED, wait("replied", [SEND], [SEND]), exits=["replied"])
    practice.lead(practice.person(PHONE))
    practice.work()

    reply(practice)
    practice.work()

    [one] = practice.enrollments()
    assert (one.exit_reason, one.listens, practice.texts()) == ("replied", None, [])


def moved(practice: Practice, lead_id: UUID) -> None:
    practice.move(lead_id, "Qualified")


def tagged(practice: Practice, lead_id: UUID) -> None:
    practice.do(tag_lead, lead_id, "VIP")


def finished(practice: Practice, lead_id: UUID) -> None:
    practice.emit(
        TaskDone(
            order_key=uuid4(),
            lead_id=lead_id,
            contact_id=practice.enrollments()[0].contact_id,
            task_id=uuid4(),
            assignee_id=uuid4(),
        )
    )


def asked_again(practice: Practice, lead_id: UUID) -> None:
    practice.emit(
        LeadRequestedAgain(
            order_key=lead_id,
            lead_id=lead_id,
            contact_id=practice.enrollments()[0].contact_id,
            pipeline_id=uuid4(),
            stage_id=uuid4(),
            source="form",
            request_id=uuid4(),
        )
    )


@pytest.mark.parametrize(
    ("event", "happens"),
    [
        ("stage_changed", moved),
        ("tag_added", tagged),
        ("task_done", finished),
        ("form_submitted", asked_again),
    ],
)
def test_each_event_of_the_lead_is_heard_and_no_other_is(
    practice: Practice, event: str, happens: Callable[[Practice, UUID], None]
) -> None:
    lead_id = entered(practice, wait(event, [], []), HOUR)
    other = practice.lead(practice.person("+12125550178"))
    practice.work()
    happening = {moved, tagged, finished, asked_again} - {happens}
    for one in sorted(happening, key=lambda one: one.__name__):
        one(practice, lead_id)
    tagged(practice, other)
    practice.work()
    happened = [way for way in ways(practice) if way == "happened"]
    assert len(happened) == (event == "tag_added")

    happens(practice, lead_id)
    practice.work()

    assert len(ways(practice)) == len(happened) + 1


def test_the_sequences_own_move_is_no_news_to_it(practice: Practice) -> None:
    entered(practice, MOVE, wait("stage_changed", [], []), HOUR)
    for _ in range(3):
        practice.work()

    assert ways(practice) == []
    assert practice.enrollments()[0].listens == "stage_changed"


def test_the_last_text_is_waited_for_until_it_is_delivered_also_where_that_came_first(
    practice: Practice,
) -> None:
    entered(practice, SEND, wait("delivered", [], []), HOUR)
    [text] = practice.texts()
    told = DeliveryReported(
        order_key=text.address_id,
        contact_id=text.contact_id,
        lead_id=text.lead_id,
        communication_id=text.id,
        status="delivered",
    )
    practice.emit(told.model_copy(update={"id": uuid4(), "status": "undelivered"}), told)
    practice.work()
    practice.settle(text)
    practice.work()

    assert ways(practice) == ["happened"]


def test_a_pause_keeps_the_end_of_the_wait_and_what_came_meanwhile(
    practice: Practice, clock: Clock
) -> None:
    entered(practice, wait("replied", [], [], hours=4), HOUR)
    [one] = practice.enrollments()
    practice.do(pause, one.automation_id)
    clock.advance(hours=1)
    reply(practice)
    for _ in range(3):
        practice.work()
        clock.advance(hours=2)
    assert ways(practice) == []

    practice.do(resume, one.automation_id)
    clock.advance(minutes=6)
    practice.work()

    assert ways(practice) == ["happened"]


def test_a_wait_can_be_skipped_and_the_rest_goes_on_at_once(practice: Practice) -> None:
    entered(practice, wait("replied", [MOVE], [MOVE]), SEND)
    [one] = practice.enrollments()

    practice.do(skip_step, one.id, one.occurrence)
    practice.work()

    assert len(practice.texts()) == 1
    assert ways(practice) == []


def test_a_skipped_wait_that_is_taken_back_begins_anew(practice: Practice) -> None:
    entered(practice, wait("replied", [MOVE], [MOVE]), SEND)
    [one] = practice.enrollments()
    skipped = practice.do(skip_step, one.id, one.occurrence)

    practice.do(by_hand.undo_skip, one.id, skipped.occurrence)
    practice.work()

    [waiting] = practice.enrollments()
    assert (waiting.listens, practice.texts()) == ("replied", [])


def test_a_chunk_that_waits_is_looked_after_by_a_few_statements_more(practice: Practice) -> None:
    counts = []
    for people in (2, 40):
        practice.publish("A", CREATED, wait("replied", [], [], hours=1), **NEVER)
        for number in range(people):
            practice.lead(practice.person(f"+1212555{people:02d}{number:02d}"))
        practice.deliver()
        practice.work()
        practice.runtime.clock.advance(hours=1, seconds=1)
        [claim] = practice.claim("enrollments")
        assert len(claim.ids) == people
        counts.append(practice.statements(lambda held=claim: advance(practice.runtime, held)))

    assert counts[0] == counts[1] <= 14


def test_the_time_is_measured_by_the_clinics_days(practice: Practice) -> None:
    entered(practice, wait("replied", [], []), HOUR)
    [one] = practice.enrollments()

    assert one.listens_until is not None
    assert one.listens_until - one.entered_at in (
        timedelta(days=2),
        timedelta(days=2, hours=1),
        timedelta(days=1, hours=23),
    )


def test_a_tag_that_was_on_before_is_no_news_and_one_put_back_is(practice: Practice) -> None:
    practice.publish("A", CREATED, wait("tag_added", [], []), HOUR, **NEVER)
    lead_id = practice.lead(practice.person(PHONE))
    tag_id = practice.do(tag_lead, lead_id, "VIP")
    practice.runtime.clock.advance(seconds=10)
    practice.work()
    assert ways(practice) == []

    practice.do(untag_lead, lead_id, tag_id)
    practice.work()
    assert ways(practice) == []
    practice.do(tag_lead, lead_id, "vip")
    practice.work()

    assert len(practice.told(LeadTagged)) == 2
    assert ways(practice) == ["happened"]
