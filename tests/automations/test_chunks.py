"""A chunk is one transaction: a crash undoes it whole, and a late claim writes nothing."""

from collections.abc import Sequence

import pytest

from automations.enrollments import end_by_hand
from automations.events import StepTaken
from automations.flushing import flush
from automations.models import Enrollment
from automations.runner import advance
from automations.walking import Pass
from crm.core.performing import perform
from crm.core.uow import UnitOfWork
from pipelines.events import LeadStageChanged
from tests.automations.conftest import CREATED, MOVE, SEND, Practice, enrolled


@pytest.mark.parametrize("is_written", [False, True])
def test_a_pass_that_dies_has_done_nothing(practice: Practice, is_written: bool) -> None:
    enrolled(practice, MOVE, people=3)
    practice.publish("B", {"kind": "stage_entered"}, SEND)
    before = practice.enrollments()
    [claim] = practice.claim("enrollments")

    def dying(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
        if is_written:
            flush(uow, passes)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        advance(practice.runtime, claim, dying)

    assert practice.step_runs() == []
    assert practice.told(LeadStageChanged, StepTaken) == []
    after = practice.enrollments()
    assert [(one.step, one.state, one.due_at) for one in after] == [
        (one.step, one.state, one.due_at) for one in before
    ]
    practice.runtime.clock.advance(seconds=practice.runtime.settings.lease_seconds)
    practice.work()
    assert len(practice.told(LeadStageChanged)) == 3
    assert len(practice.texts()) == 3


def test_a_claim_that_was_taken_over_does_nothing(practice: Practice) -> None:
    enrolled(practice, SEND, people=2)
    [late] = practice.claim("enrollments")
    practice.runtime.clock.advance(seconds=practice.runtime.settings.lease_seconds)
    [now] = practice.claim("enrollments")
    assert now.ids == late.ids

    advance(practice.runtime, late)
    assert practice.texts() == []
    advance(practice.runtime, now)
    assert len(practice.texts()) == 2
    advance(practice.runtime, late)
    advance(practice.runtime, now)
    assert len(practice.texts()) == len(practice.step_runs()) == 2


def test_one_that_is_ended_after_the_claim_is_left_alone(practice: Practice) -> None:
    enrolled(practice, SEND, people=3)
    [claim] = practice.claim("enrollments")
    practice.do(end_by_hand, claim.ids[1])

    advance(practice.runtime, claim)

    assert [one.state for one in practice.enrollments()] == ["live", "ended", "live"]
    assert {text.origin_id for text in practice.texts()} == {claim.ids[0], claim.ids[2]}


def test_a_culprit_is_put_off_alone(practice: Practice) -> None:
    enrolled(practice, SEND, people=3)
    culprit = practice.enrollments()[1]

    def corrupt(uow: UnitOfWork) -> None:
        uow.get(Enrollment, culprit.id).cause = ["nonsense"]
        uow.session.flush()

    practice.do(corrupt)
    [claim] = practice.claim("enrollments")

    perform(practice.runtime, practice.runtime.work["enrollments"], claim)

    assert [one.attempts for one in practice.enrollments()] == [0, 1, 0]
    assert len(practice.texts()) == 2


def test_a_hundred_are_advanced_in_as_many_statements_as_two(practice: Practice) -> None:
    counts = []
    for people in (2, 100):
        practice.publish("A", CREATED, SEND)
        contact = practice.person()
        for _ in range(people):
            practice.lead(contact)
        practice.deliver()
        [claim] = practice.claim("enrollments")
        assert len(claim.ids) == people
        counts.append(practice.statements(lambda held=claim: advance(practice.runtime, held)))

    assert counts[0] == counts[1]
    assert counts[1] <= 15
