"""Triggers that look at the time: each moment starts a sequence once, whenever it is found."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from automations.building.publishing import publication
from automations.building.reading import open_automation
from automations.clocks import looking
from automations.clocks.ahead import ahead_of
from automations.clocks.looking import look_at_clocks
from automations.drafts import edit_draft
from automations.events import LeadStoodStill
from automations.models import TriggerClock
from automations.sequences import pause, resume
from automations.triggers import StageStuck
from crm.core.errors import LeaseLost
from crm.core.performing import claim_and_perform
from crm.core.uow import UnitOfWork
from pipelines.models import Lead
from tests.automations.conftest import CREATED, Practice

TAG = {"kind": "tag", "add": ["seen"]}
STUCK = {"kind": "stage_stuck", "days": 7}


def look(practice: Practice, **later: float) -> None:
    """Let time pass, look at it as a worker does, and do what follows."""
    practice.runtime.clock.advance(**later)
    while claim_and_perform(practice.runtime, "trigger_clocks"):
        pass
    practice.work()


def entered(practice: Practice, name: str = "A") -> int:
    return len(practice.enrollments(name))


def test_a_lead_that_stands_still_enters_once(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())

    look(practice, days=6, hours=23)
    assert entered(practice) == 0
    look(practice, hours=2)
    assert entered(practice) == 1
    for _ in range(3):
        look(practice, days=2)

    assert entered(practice) == 1


def test_a_lead_that_moved_stands_anew(practice: Practice) -> None:
    practice.publish("A", {**STUCK, "stage": "Contacted"}, TAG)
    lead_id = practice.lead(practice.person())
    practice.move(lead_id, "Contacted")
    look(practice, days=5)
    practice.move(lead_id, "Qualified")
    practice.move(lead_id, "Contacted")
    look(practice, days=5)
    assert entered(practice) == 0

    look(practice, days=3)
    practice.move(lead_id, "Qualified")
    practice.move(lead_id, "Contacted")
    look(practice, days=8)

    assert entered(practice) == 2


def test_who_moves_between_the_look_and_the_entry_does_not_enter(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG)
    lead_id = practice.lead(practice.person())
    practice.work()
    practice.runtime.clock.advance(days=7, minutes=1)
    claim_and_perform(practice.runtime, "trigger_clocks")
    assert len(practice.told(LeadStoodStill)) == 1

    practice.move(lead_id, "Contacted")
    practice.work()

    assert entered(practice) == 0


def test_a_decided_lead_stands_still_only_where_its_stage_is_named(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG)
    practice.publish("B", {**STUCK, "stage": "Won"}, TAG)
    practice.move(practice.lead(practice.person()), "Won")

    look(practice, days=8)

    assert (entered(practice), entered(practice, "B")) == (0, 1)


def test_publishing_starts_nobody_who_waited_long_enough_before(practice: Practice) -> None:
    for _ in range(3):
        practice.lead(practice.person())
    look(practice, days=8)
    late = practice.lead(practice.person())
    practice.publish("A", STUCK, TAG)

    look(practice, days=1)
    assert entered(practice) == 0
    look(practice, days=7)

    assert [one.lead_id for one in practice.enrollments("A")] == [late]


def test_another_trigger_counts_from_its_publication_and_other_steps_change_nothing(
    practice: Practice,
) -> None:
    practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())
    look(practice, days=4)
    practice.publish("A", {"kind": "stage_stuck", "days": 3}, TAG)
    look(practice, days=1)
    assert entered(practice) == 0

    practice.publish("A", {"kind": "stage_stuck", "days": 6}, TAG)
    look(practice, hours=1)
    practice.publish("A", {"kind": "stage_stuck", "days": 6}, TAG, TAG)
    look(practice, days=1)

    assert entered(practice) == 1


def test_the_page_before_publishing_tells_whom_the_clock_starts_and_whom_it_does_not(
    practice: Practice,
) -> None:
    for days in (9, 8, 0):
        practice.lead(practice.person())
        practice.runtime.clock.advance(days=days)
    practice.runtime.clock.advance(days=6, hours=12)
    ahead = practice.do(ahead_of, StageStuck(days=7))
    assert (ahead.past, ahead.soon, ahead.is_partial) == (2, 1, False)

    automation = practice.publish("A", CREATED, TAG)
    practice.do(save_draft, automation.id)
    opened = practice.do(open_automation, automation.id)
    told = practice.do(publication, opened, None)
    assert (told["ahead"].past, told["is_new_clock"]) == (2, True)

    practice.publish("A", STUCK, TAG)
    look(practice)
    assert entered(practice) == 0
    look(practice, days=1)
    assert entered(practice) == told["ahead"].soon


def save_draft(uow: UnitOfWork, automation_id: UUID) -> None:
    """Let the draft of a sequence start by the clock."""
    edit_draft(uow, automation_id, 0, lambda document: {**document, "trigger": STUCK})


def test_what_no_longer_starts_by_the_clock_has_no_clock(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG)
    practice.publish("A", CREATED, TAG)

    assert practice.do(lambda uow: uow.session.query(TriggerClock).count()) == 0


def test_an_automation_that_came_later_is_not_started_by_what_another_one_finds_late(
    practice: Practice,
) -> None:
    practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())
    practice.runtime.clock.advance(days=8)
    practice.publish("B", STUCK, TAG)

    look(practice)

    assert (entered(practice), entered(practice, "B")) == (1, 0)


def test_two_automations_that_name_the_same_moment_are_started_by_one_event(
    practice: Practice,
) -> None:
    practice.publish("A", STUCK, TAG)
    practice.publish("B", {**STUCK, "stage": "New"}, TAG)
    practice.lead(practice.person())

    look(practice, days=8)

    assert (entered(practice), entered(practice, "B")) == (1, 1)
    assert len(practice.told(LeadStoodStill)) == 1


@pytest.mark.parametrize("most", [1, 2, 200])
def test_more_at_one_moment_than_a_look_takes_are_all_found_once(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(looking, "MOST", most)
    practice.publish("A", STUCK, TAG)
    leads = [practice.lead(practice.person(f"+1212555{number:04d}")) for number in range(5)]
    same = update(Lead).values(stage_entered_at=practice.do(lambda uow: uow.now))
    practice.do(lambda uow: uow.session.execute(same))

    look(practice, days=8)
    look(practice, minutes=2)

    assert sorted(one.lead_id for one in practice.enrollments("A")) == sorted(leads)


def test_two_who_look_at_once_and_one_who_died_tell_each_moment_once(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())
    practice.work()
    practice.runtime.clock.advance(days=8)
    late = practice.claim("trigger_clocks")
    assert practice.claim("trigger_clocks") == []
    practice.runtime.clock.advance(seconds=practice.runtime.settings.lease_seconds + 1)
    look(practice)
    assert entered(practice) == 1

    for claim in late:
        with pytest.raises(LeaseLost):
            look_at_clocks(practice.runtime, claim)

    assert len(practice.told(LeadStoodStill)) == 1


def test_who_dies_before_the_commit_has_told_nothing_and_the_next_one_does(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())
    practice.work()
    practice.runtime.clock.advance(days=8)

    def dying(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(looking, "_write", dying)
        for claim in practice.claim("trigger_clocks"):
            with pytest.raises(InterruptedError):
                look_at_clocks(practice.runtime, claim)
    assert practice.told(LeadStoodStill) == []

    look(practice, minutes=10)

    assert entered(practice) == 1


def test_a_clock_that_jumps_ahead_and_back_starts_nobody_twice(practice: Practice) -> None:
    practice.publish("A", STUCK, TAG, reentry="restart")
    practice.lead(practice.person())
    look(practice, days=40)
    assert entered(practice) == 1

    practice.runtime.clock.offset -= timedelta(days=36)
    look(practice, minutes=2)
    look(practice, days=5)
    look(practice, days=60)

    assert entered(practice) == 1


def test_a_paused_one_starts_nobody_then_or_later(practice: Practice) -> None:
    automation = practice.publish("A", STUCK, TAG)
    practice.lead(practice.person())
    practice.do(pause, automation.id)
    look(practice, days=8)
    practice.do(resume, automation.id)
    look(practice, days=1)

    assert entered(practice) == 0
