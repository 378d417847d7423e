"""One passage in a person's hand: a step skipped and taken after all, a rest and its end."""

import pytest

from automations import by_hand
from automations.by_hand import NothingToSkip
from crm.core.clock import Clock
from crm.core.errors import StaleVersion
from tests.automations.conftest import CREATED, DAY, SEND, Practice


def started(practice: Practice, *steps: dict[str, object]) -> None:
    """Let somebody enter a sequence of these steps."""
    practice.publish("A", CREATED, *steps)
    practice.lead(practice.person())
    practice.work()


def test_a_skipped_text_is_not_sent_and_what_follows_keeps_its_time(
    practice: Practice, clock: Clock
) -> None:
    started(practice, DAY, SEND, DAY)
    [before] = practice.enrollments()
    skipped = practice.do(by_hand.skip_step, before.id, before.occurrence)
    assert (skipped.step, skipped.due_at) == (before.step + 1, before.due_at)
    [run] = [one for one in practice.step_runs() if one.outcome.get("skipped")]
    assert (run.kind, run.outcome) == ("send_text", {"skipped": "by_hand"})
    clock.advance(days=2)
    practice.work()
    assert practice.texts() == []


def test_the_second_of_two_clicks_skips_nothing_more(practice: Practice) -> None:
    started(practice, DAY, SEND, DAY)
    [seen] = practice.enrollments()
    practice.do(by_hand.skip_step, seen.id, seen.occurrence)
    with pytest.raises(StaleVersion):
        practice.do(by_hand.skip_step, seen.id, seen.occurrence)


def test_a_skip_is_taken_back_in_time(practice: Practice, clock: Clock) -> None:
    started(practice, DAY, SEND)
    [seen] = practice.enrollments()
    skipped = practice.do(by_hand.skip_step, seen.id, seen.occurrence)
    back = practice.do(by_hand.undo_skip, seen.id, skipped.occurrence)
    assert back.step == seen.step
    assert back.occurrence > skipped.occurrence
    with pytest.raises(StaleVersion):
        practice.do(by_hand.undo_skip, seen.id, skipped.occurrence)
    clock.advance(days=2)
    practice.work()
    assert len(practice.texts()) == 1


def test_a_text_that_waits_is_withdrawn_and_the_rest_goes_on(practice: Practice) -> None:
    started(practice, SEND, DAY)
    [seen] = practice.enrollments()
    assert seen.awaits is not None
    practice.do(by_hand.skip_step, seen.id, seen.occurrence)
    practice.work()
    assert [text.status for text in practice.texts()] == ["voided"]
    [now] = practice.enrollments()
    assert (now.awaits, now.state) == (None, "live")


def test_who_has_left_has_nothing_to_skip(practice: Practice) -> None:
    started(practice, SEND)
    [seen] = practice.enrollments()
    practice.do(by_hand.skip_step, seen.id, seen.occurrence)
    practice.work()
    [ended] = practice.enrollments()
    assert ended.state == "ended"
    with pytest.raises(NothingToSkip):
        practice.do(by_hand.skip_step, ended.id, ended.occurrence)


def test_one_passage_rests_and_goes_on(practice: Practice, clock: Clock) -> None:
    started(practice, DAY, SEND)
    [one] = practice.enrollments()
    for _ in range(2):
        practice.do(by_hand.pause, one.id)
    clock.advance(days=2)
    practice.work()
    assert practice.texts() == []
    for _ in range(2):
        practice.do(by_hand.resume, one.id)
    clock.advance(minutes=6)
    practice.work()
    assert len(practice.texts()) == 1
