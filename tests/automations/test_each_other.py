"""What sequences do to each other: one starts or stops another, by its own rules, to an end."""

from collections import Counter
from typing import Any

import pytest

from automations.definitions import InvalidDefinition
from automations.events import EnrollmentRefused, StartRequested
from automations.runner import advance
from automations.sequences import load_automation
from crm.core.clock import Clock
from crm.core.events import decode
from pipelines.lead.actions import tag_lead
from tests.automations.conftest import (
    CREATED,
    HOUR,
    SEND,
    Practice,
    enrolled,
)


def start(name: str) -> dict[str, Any]:
    return {"kind": "start_sequence", "automation": name}


def stop(name: str) -> dict[str, Any]:
    return {"kind": "stop_sequence", "automation": name}


NOBODYS = {"kind": "lead_created", "source": "nobody's"}


def test_a_sequence_starts_another_by_that_ones_own_rules(practice: Practice) -> None:
    practice.publish("B", NOBODYS, SEND)
    practice.publish("C", NOBODYS, SEND, conditions=[{"kind": "has_email"}])
    enrolled(practice, start("B"), start("C"), start("B"), HOUR)
    for _ in range(3):
        practice.work()

    assert [len(practice.enrollments(name)) for name in ("A", "B", "C")] == [1, 1, 0]
    reasons = sorted(row.payload["reason"] for row in practice.told(EnrollmentRefused))
    assert reasons == ["already_in", "conditions"]


def test_sequences_that_start_each_other_come_to_an_end(practice: Practice) -> None:
    practice.publish("B", NOBODYS, HOUR)
    practice.publish("A", CREATED, start("B"), {"kind": "wait_for", "minutes": 1})
    practice.publish("B", NOBODYS, {"kind": "wait_for", "minutes": 2}, start("A"))
    practice.lead(practice.person())
    for _ in range(40):
        practice.runtime.clock.advance(minutes=3)
        practice.work()

    assert [row.payload["reason"] for row in practice.told(EnrollmentRefused)] == ["loop"]
    assert all(one.state == "ended" for one in practice.enrollments())


def test_a_start_that_is_delivered_twice_starts_once(practice: Practice) -> None:
    practice.publish("B", NOBODYS, {"kind": "stop"})
    enrolled(practice, start("B"), HOUR)
    practice.work()
    [told] = practice.told(StartRequested)

    for consumer in practice.runtime.subscriptions.of(StartRequested.name):
        practice.do(consumer.run, [decode(told)])
    practice.work()

    assert len(practice.enrollments("B")) == 1


def test_a_sequence_stops_another_and_withdraws_its_text(practice: Practice) -> None:
    practice.publish("B", CREATED, SEND, HOUR, SEND, exits=["won"])
    practice.publish(
        "A", CREATED, {"kind": "wait_for", "minutes": 5}, stop("B"), HOUR, exits=["won"]
    )
    practice.enter(2)
    practice.work()
    practice.runtime.clock.advance(minutes=6)
    practice.work()

    assert {one.exit_reason for one in practice.enrollments("B")} == {"stopped_by_other"}
    assert {text.status for text in practice.texts()} == {"voided"}
    assert {one.state for one in practice.enrollments("A")} == {"live"}


def test_one_that_is_stopped_in_the_same_chunk_does_nothing_more(
    practice: Practice, clock: Clock
) -> None:
    wait = {"kind": "wait_for", "minutes": 5}
    practice.publish("B", CREATED, HOUR)
    practice.publish("A", CREATED, wait, stop("B"), SEND, HOUR, exits=["won"])
    practice.publish("B", CREATED, wait, stop("A"), SEND, HOUR, exits=["won"])
    practice.enter(3)
    practice.work()
    clock.advance(minutes=6)
    [claim] = practice.claim("enrollments")
    assert len(claim.ids) == 6

    advance(practice.runtime, claim)

    states = Counter((one.state, one.exit_reason) for one in practice.enrollments())
    assert states == {("live", None): 3, ("ended", "stopped_by_other"): 3}
    ended = {one.id for one in practice.enrollments() if one.state == "ended"}
    assert not ended & {text.origin_id for text in practice.texts()}
    assert not [one for one in practice.step_runs() if one.enrollment_id in ended and one.step > 0]


def test_one_that_is_stopped_does_not_come_back_whichever_was_first_in_the_chunk(
    practice: Practice, clock: Clock
) -> None:
    wait = {"kind": "wait_for", "minutes": 5}
    practice.publish("B", CREATED, wait, SEND, HOUR, exits=["won"])
    practice.publish("A", CREATED, wait, stop("B"), HOUR, exits=["won"])
    practice.enter(8)
    practice.work()
    clock.advance(minutes=6)
    [claim] = practice.claim("enrollments")
    assert len(claim.ids) == 16

    advance(practice.runtime, claim)

    stopped = {(one.state, one.exit_reason) for one in practice.enrollments("B")}
    assert stopped == {("ended", "stopped_by_other")}
    assert practice.texts() == []
    assert {one.state for one in practice.enrollments("A")} == {"live"}


def test_whoever_moved_before_a_late_start_is_not_followed_up(practice: Practice) -> None:
    practice.publish("A", {"kind": "tag_added", "tag": "VIP"}, SEND, exits=["booked"])
    lead_id = practice.lead(practice.person())
    practice.do(tag_lead, lead_id, "VIP")
    practice.move(lead_id, "Booked")
    practice.work()

    assert [one.exit_reason for one in practice.enrollments("A")] == ["booked"]
    assert practice.texts() == []


def test_who_stops_the_own_sequence_leaves_it(practice: Practice) -> None:
    practice.publish("A", CREATED, HOUR)
    enrolled(practice, stop("A"), SEND)
    practice.work()

    assert [one.exit_reason for one in practice.enrollments("A")] == ["stopped"]


def test_an_unknown_sequence_is_named(practice: Practice) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        practice.do(load_automation, {"name": "A", "trigger": CREATED, "steps": [start("None")]})

    assert "steps.0.automation" in caught.value.fields
