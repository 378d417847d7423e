"""Whoever enters or is woken goes on to the next wait in the very transaction of the event."""

from typing import Any

import pytest
from sqlalchemy import update

from automations import runner
from automations.events import StepTaken
from automations.models import Enrollment
from crm.core.performing import claim_and_perform
from crm.core.uow import UnitOfWork
from tests.automations.conftest import CREATED, DAY, HOUR, MOVE, SEND, Practice


def deliver(practice: Practice) -> None:
    """Deliver what waits, and let no worker advance anybody."""
    practice.runtime.clock.advance(seconds=6)
    claim_and_perform(practice.runtime, "deliveries")


def test_the_first_text_is_queued_with_the_event_that_starts_its_sequence(
    practice: Practice,
) -> None:
    practice.publish("A", CREATED, SEND, DAY)
    practice.lead(practice.person())

    deliver(practice)

    [text], [enrollment] = practice.texts(), practice.enrollments()
    assert enrollment.awaits == text.dedupe_key
    assert (enrollment.lease_token, enrollment.lease_until) == (None, None)
    [told] = practice.told(StepTaken)
    assert told.principal_kind == "automation"


def test_who_awaited_a_text_goes_on_with_the_event_that_settles_it(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND, HOUR, SEND)
    practice.lead(practice.person())
    practice.work()
    practice.settle(practice.texts()[0])

    deliver(practice)

    [enrollment] = practice.enrollments()
    assert (enrollment.awaits, enrollment.step) == (None, 2)


def test_who_moves_a_lead_is_left_to_a_worker(practice: Practice) -> None:
    practice.publish("A", CREATED, MOVE, SEND)
    practice.lead(practice.person())

    deliver(practice)

    assert practice.texts() == []
    [enrollment] = practice.enrollments()
    assert (enrollment.step, enrollment.lease_token) == (0, None)
    practice.work()
    assert len(practice.texts()) == 1


def test_who_cannot_decide_is_left_to_a_worker_and_the_others_go_on(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.publish("B", CREATED, SEND)
    practice.lead(practice.person())
    walk, failed = runner.walk, []

    def fails_for_b(standing: Any, now: Any) -> Any:
        if standing.automation_name == "B":
            failed.append(standing.id)
            raise ZeroDivisionError
        return walk(standing, now)

    monkeypatch.setattr(runner, "walk", fails_for_b)
    deliver(practice)
    assert len(practice.texts()) == 1
    assert {one.attempts for one in practice.enrollments()} == {0}

    practice.runtime.clock.advance(seconds=6)
    claim_and_perform(practice.runtime, "enrollments")
    assert {one.id: one.attempts for one in practice.enrollments() if one.attempts} == {
        failed[0]: 1
    }


def test_who_awaits_another_text_by_now_is_not_taken_past_it(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.publish("A", CREATED, SEND, SEND)
    practice.lead(practice.person())
    practice.work()
    [first] = practice.texts()
    practice.settle(first)
    lock_facts = runner.lock_facts

    def overtaken(uow: UnitOfWork, subjects: Any) -> Any:
        """Let a worker take the same step between the look and the lock."""
        monkeypatch.undo()
        practice.runtime.clock.advance(minutes=15)
        claim_and_perform(practice.runtime, "enrollments")
        return lock_facts(uow, subjects)

    monkeypatch.setattr(runner, "lock_facts", overtaken)
    deliver(practice)

    [enrollment] = practice.enrollments()
    first, second = practice.texts()
    assert (enrollment.awaits, second.status) == (second.dedupe_key, "queued")
    assert (enrollment.state, enrollment.step) == ("live", 2)


def test_who_is_held_by_a_worker_is_left_to_him(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND, HOUR)
    practice.lead(practice.person())
    practice.work()
    practice.runtime.clock.advance(minutes=15)
    [claim] = practice.claim("enrollments")
    practice.settle(practice.texts()[0])

    deliver(practice)

    [enrollment] = practice.enrollments()
    assert (enrollment.lease_token, enrollment.step) == (claim.token, 1)
    runner.advance(practice.runtime, claim)
    assert practice.enrollments()[0].step == 2


def test_one_whose_cause_cannot_be_read_is_left_to_a_worker(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND, HOUR)
    practice.lead(practice.person())
    practice.work()
    corrupt = update(Enrollment).values(cause=["nonsense"])
    practice.do(lambda uow: uow.session.execute(corrupt))
    practice.settle(practice.texts()[0])

    deliver(practice)
    practice.runtime.clock.advance(seconds=6)
    claim_and_perform(practice.runtime, "enrollments")

    [enrollment] = practice.enrollments()
    assert (enrollment.attempts, enrollment.step) == (1, 1)


def test_an_event_that_fails_after_it_took_somebody_on_has_done_nothing(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.lead(practice.person())

    def dies(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("crm.core.deliveries._wake_successors", dies)
    deliver(practice)
    assert practice.enrollments() == []
    assert practice.texts() == []

    monkeypatch.undo()
    practice.work()
    assert len(practice.texts()) == 1
