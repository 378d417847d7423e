"""What is done to several people in a sequence at once."""

from uuid import UUID

import pytest

from automations.models import Automation
from automations.people import (
    NoSuchStep,
    move_people,
    pause_people,
    people_in,
    remove_people,
    resume_people,
    skip_people,
)
from crm.core.clock import Clock
from tests.automations.conftest import CREATED, DAY, HOUR, SEND, Practice


def entered(practice: Practice, *steps: object, people: int = 3) -> tuple[Automation, list[UUID]]:
    automation = practice.publish("A", CREATED, *steps)
    for _ in range(people):
        practice.lead(practice.person())
    practice.work()
    return automation, [one.id for one in practice.enrollments("A")]


def test_people_are_listed_with_where_they_stand_a_page_at_a_time(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    automation, _ids = entered(practice, HOUR, DAY)
    monkeypatch.setattr("automations.people.PAGE", 2)
    first = practice.do(people_in, automation.id)
    assert [one.step for one in first.rows] == ["Wait 1 hour"] * 2
    rest = practice.do(people_in, automation.id, first.after)
    assert len(rest.rows) == 1
    assert rest.after is None


def test_several_are_moved_to_another_step_and_go_on_there_once(practice: Practice) -> None:
    automation, ids = entered(practice, DAY, DAY, SEND, DAY)
    version = automation.version_id
    assert practice.do(move_people, automation.id, ids[:2], version, 2) == 2
    practice.work()
    assert len(practice.texts()) == 2
    practice.work()
    assert len(practice.texts()) == 2
    # The text that waits is withdrawn, and asked for once more under another key.
    assert practice.do(move_people, automation.id, ids[:1], version, 2) == 1
    practice.work()
    assert sorted(text.status for text in practice.texts()) == ["queued", "queued", "voided"]


def test_whose_text_is_on_its_way_is_not_moved(practice: Practice) -> None:
    automation, ids = entered(practice, SEND, DAY, people=1)
    [text] = practice.texts()
    practice.settle(text, "sending")
    assert practice.do(move_people, automation.id, ids, automation.version_id, 1) == 0


def test_nobody_is_moved_by_the_places_of_another_version(practice: Practice) -> None:
    automation, ids = entered(practice, DAY, SEND)
    later = practice.publish("A", CREATED, SEND, DAY)
    assert practice.do(move_people, automation.id, ids, later.version_id, 0) == 0
    with pytest.raises(NoSuchStep):
        practice.do(move_people, automation.id, ids, later.version_id, 2)
    other = practice.publish("B", CREATED, SEND)
    with pytest.raises(NoSuchStep):
        practice.do(move_people, automation.id, ids, other.version_id, 0)


def test_several_rest_go_on_and_leave(practice: Practice) -> None:
    automation, ids = entered(practice, HOUR, SEND)
    assert practice.do(pause_people, automation.id, ids) == 3
    assert practice.do(pause_people, automation.id, ids) == 0
    practice.runtime.clock.advance(hours=2)
    practice.work()
    assert practice.texts() == []
    assert practice.do(resume_people, automation.id, ids[:1]) == 1
    assert practice.do(remove_people, automation.id, ids[1:]) == 2
    practice.runtime.clock.advance(minutes=6)
    practice.work()
    assert len(practice.texts()) == 1
    other = practice.publish("B", CREATED, DAY)
    assert practice.do(remove_people, other.id, ids) == 0


def test_several_skip_what_comes_next_and_nobody_twice(practice: Practice, clock: Clock) -> None:
    automation, ids = entered(practice, SEND, DAY, SEND, people=4)
    seen = {one.id: one.occurrence for one in practice.enrollments("A")}
    on_its_way = practice.texts()[0]
    practice.settle(on_its_way, "sending")
    leaving = on_its_way.origin_id
    assert practice.do(skip_people, automation.id, seen) == 3
    assert practice.do(skip_people, automation.id, seen) == 0
    assert {text.status for text in practice.texts()} == {"sending", "voided"}
    practice.work()
    # They wait for the day now; the next to be skipped is the second text.
    waiting = {one.id: one.occurrence for one in practice.enrollments("A") if one.id != leaving}
    assert practice.do(skip_people, automation.id, waiting) == 3
    clock.advance(days=2)
    practice.work()
    assert len(practice.texts()) == 4
    skipped = [one.step for one in practice.step_runs() if one.outcome.get("skipped") == "by_hand"]
    assert sorted(skipped) == [0, 0, 0, 2, 2, 2]
    assert len(ids) == 4


def test_as_many_as_a_page_holds_skip_by_a_few_statements(practice: Practice) -> None:
    automation, _ids = entered(practice, SEND, DAY, people=3)
    seen = {one.id: one.occurrence for one in practice.enrollments("A")}
    first = dict([seen.popitem()])
    one = practice.statements(lambda: practice.do(skip_people, automation.id, first))
    assert practice.statements(lambda: practice.do(skip_people, automation.id, seen)) <= one
