"""The engine under whatever happens to it, in any order, twice, late and half done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col

from automations.definitions import parse
from automations.flushing import flush
from automations.models import Enrollment
from automations.outcomes import QueueText
from automations.program import DEEPEST
from automations.runner import advance
from automations.sequences import pause, resume
from automations.steps.base import Heard
from automations.walking import Pass, Standing, Taken, walk
from crm.core.events import decode
from crm.core.uow import UnitOfWork
from crm.messaging.events import CommunicationSettled, TextReceived
from pipelines.events import LeadCreated, LeadStageChanged
from pipelines.lead.actions import tag_lead, untag_lead
from pipelines.lead.events import LeadTagged
from pipelines.notices.models import StaffNotice
from tests.automations import conftest
from tests.automations.conftest import Practice, address, text_from
from tests.automations.test_program import document, split
from tests.automations.test_walking import DAY, MOVE, NOW, SEND, SKIPPED, STOP, standing

SHORT = {"kind": "wait_for", "hours": 3}
MORNING = {"kind": "wait_until", "time": "09:30"}


def wait(event: str, happened: Sequence[Any], timed_out: Sequence[Any]) -> dict[str, Any]:
    ways = {"happened": list(happened), "timed_out": list(timed_out)}
    return {"kind": "wait_for_event", "event": event, "hours": 5, **ways}


def choose(then: Sequence[Any], otherwise: Sequence[Any]) -> dict[str, Any]:
    asked = [{"kind": "language_is", "language": "en"}]
    return {"kind": "if_else", "conditions": asked, "then": [*then], "otherwise": [*otherwise]}


@st.composite
def trees(draw: st.DrawFn, leaves: Sequence[Any]) -> list[Any]:
    """Return a list of steps with branches of every kind, at most 50 steps in all."""
    left = [draw(st.integers(3, 20))]

    def steps(depth: int) -> list[Any]:
        return [one(depth) for _ in range(draw(st.integers(0 if depth else 1, 4))) if left[0] > 0]

    def one(depth: int) -> Any:
        left[0] -= 1
        kind = draw(st.sampled_from(["leaf", "leaf", "choose", "split", "wait"]))
        if kind == "leaf" or depth == DEEPEST:
            return draw(st.sampled_from(leaves))
        first, second = steps(depth + 1), steps(depth + 1)
        if kind == "split":
            return split((40, first), (60, second))
        if kind == "wait":
            return wait(draw(st.sampled_from(["replied", "tag_added"])), first, second)
        return choose(first, second) if first or second else draw(st.sampled_from(leaves))

    return steps(0)


class Walked(RuleBasedStateMachine):
    """One enrollment as a chain of pure passes; a pass counts when it is accepted."""

    @initialize(steps=trees([SEND, DAY, SHORT, MORNING, SKIPPED, MOVE, STOP]))
    def enter(self, steps: list[Any]) -> None:
        self.program = parse(document(*steps)).program
        self.at: Standing = standing(*steps, hears_from=NOW)
        self.now = NOW
        self.due: datetime | None = NOW
        self.taken: list[Taken] = []
        self.is_over = False

    @rule(hours=st.integers(0, 60))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def somebody_pauses_or_resumes(self) -> None:
        self.at = replace(self.at, is_paused=not self.at.is_paused)

    @rule(status=st.sampled_from(["queued", "sending", "sent", "failed", "blocked", None]))
    def the_text_is_heard_of(self, status: str | None) -> None:
        if self.at.awaits is not None:
            self.at = replace(self.at, awaited_status=status)

    @precondition(lambda self: self.at.listens is not None and self.at.until > self.at.hears_from)
    @rule()
    def it_happens(self) -> None:
        assert self.at.until is not None
        if self.now <= self.at.until and self.at.heard is None:
            self.at = replace(self.at, heard=Heard(uuid4(), self.now))

    @precondition(lambda self: not self.is_over)
    @rule(deaths=st.integers(0, 2))
    def somebody_looks(self, deaths: int) -> None:
        """A worker takes the enrollment on, early or late; some die before they write that."""
        one = walk(self.at, self.now)
        for _ in range(deaths):
            assert walk(self.at, self.now) == one
        self._accept(one)

    def _accept(self, one: Pass) -> None:
        known = {(run.step, run.occurrence) for run in self.taken}
        assert not known & {(run.step, run.occurrence) for run in one.taken}
        assert one.step >= self.at.step
        assert (one.due_at is None) == (one.exit_reason is not None)
        assert not (self.at.is_paused and one.taken)
        self.taken += one.taken
        self.is_over = one.due_at is None
        self.at = replace(
            self.at,
            step=one.step,
            occurrence=one.occurrence,
            last_step=one.last_step,
            awaits=one.awaits,
            awaited_status="queued" if one.awaits else None,
            hears_from=one.hears_from,
            listens=one.listens,
            until=one.until,
            heard=self.at.heard if one.listens and not one.taken else None,
        )

    @invariant()
    def each_step_is_taken_once_and_in_order(self) -> None:
        runs = getattr(self, "taken", [])
        assert [run.occurrence for run in runs] == list(range(len(runs)))
        steps = [run.step for run in runs]
        assert steps == sorted(steps)
        # A wait for an event is on record when it begins, and when it is over.
        for step, times in Counter(steps).items():
            assert times <= (2 if self.program[step].step.kind == "wait_for_event" else 1)
        keys = [
            effect.dedupe_key
            for run in runs
            for effect in run.outcome.effects
            if isinstance(effect, QueueText)
        ]
        assert len(keys) == len(set(keys))

    def teardown(self) -> None:
        """Whoever is left alone comes to the end."""
        if not hasattr(self, "at"):
            return
        self.at = replace(self.at, is_paused=False)
        for _ in range(3 * len(self.program) + 3):
            if self.is_over:
                break
            self.now += timedelta(days=3)
            self.at = replace(self.at, awaited_status=None)
            self._accept(walk(self.at, self.now))
        assert self.is_over


TestWalked = Walked.TestCase
TestWalked.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


TELL = {"kind": "notify", "to": "everybody", "message": "Please look"}
STORED = [*[conftest.SEND] * 3, *[SHORT] * 2, conftest.MOVE, TELL, conftest.STOP]
BEGINNINGS = [[conftest.SEND], [SHORT, conftest.SEND], [wait("replied", [conftest.SEND], [])]]
EXITS = [["won", "booked"], ["replied", "won"], ["booked", "stage_changed"]]
NUMBERS = iter(range(10_000_000))


class Stored(RuleBasedStateMachine):
    """A clinic's engine in its database, with workers that die and events that come twice."""

    practice: Practice

    @initialize(
        begin=st.sampled_from(BEGINNINGS), steps=trees(STORED), exits=st.sampled_from(EXITS)
    )
    def publish_first(self, begin: list[Any], steps: list[Any], exits: list[str]) -> None:
        self.source = f"run-{next(NUMBERS)}"
        self.exits = exits
        self.leads: list[tuple[UUID, UUID, str]] = []
        self.ended: dict[UUID, tuple[Any, ...]] = {}
        self.automation_id: UUID | None = None
        self.is_paused = False
        self.publish([*begin, *steps])
        for _ in range(3):
            self.somebody_asks()
        self.practice.work()

    def publish(self, steps: list[Any]) -> None:
        trigger = {"kind": "lead_created", "source": self.source}
        published = self.practice.publish(self.source, trigger, *steps, exits=self.exits)
        self.automation_id = published.id

    @rule(steps=trees(STORED))
    def somebody_publishes(self, steps: list[Any]) -> None:
        self.publish(steps)

    @rule()
    def somebody_pauses_or_resumes(self) -> None:
        self.practice.do(resume if self.is_paused else pause, self.automation_id)
        self.is_paused = not self.is_paused

    @precondition(lambda self: len(self.leads) < 6)
    @rule()
    def somebody_asks(self) -> None:
        phone = f"+1212{next(NUMBERS) + 2_000_000:07d}"
        contact_id = self.practice.person(phone)
        self.leads.append((self.practice.lead(contact_id, self.source), contact_id, phone))

    @precondition(lambda self: self.leads)
    @rule(data=st.data())
    def somebody_answers(self, data: st.DataObject) -> None:
        _lead_id, _contact_id, phone = data.draw(st.sampled_from(self.leads))
        self.practice.emit(text_from(address(self.practice, phone)))

    @precondition(lambda self: self.leads)
    @rule(data=st.data(), stage=st.sampled_from(["Contacted", "Qualified", "Booked", "Won"]))
    def somebody_moves(self, data: st.DataObject, stage: str) -> None:
        self.practice.move(data.draw(st.sampled_from(self.leads))[0], stage)

    @precondition(lambda self: self.leads)
    @rule(data=st.data())
    def somebody_tags(self, data: st.DataObject) -> None:
        lead_id = data.draw(st.sampled_from(self.leads))[0]
        tag_id = self.practice.do(tag_lead, lead_id, "vip")
        if tag_id is not None:
            self.practice.do(untag_lead, lead_id, tag_id)

    @rule(status=st.sampled_from(["sent", "failed", "blocked"]), most=st.integers(1, 6))
    def texts_leave(self, status: str, most: int = 6) -> None:
        for text in [one for one in self._texts() if one.status == "queued"][:most]:
            self.practice.settle(text, status)

    @rule(hours=st.integers(1, 8))
    def time_passes(self, hours: int) -> None:
        self.practice.runtime.clock.advance(hours=hours)

    @rule()
    def a_worker_works(self) -> None:
        self.practice.work()

    @rule(hours=st.integers(1, 6))
    def a_worker_works_after_a_while(self, hours: int) -> None:
        self.practice.runtime.clock.advance(hours=hours)
        self.practice.work()

    @rule()
    def events_are_delivered(self) -> None:
        self.practice.deliver()

    @rule(kind=st.sampled_from(["enrollments", "deliveries"]))
    def a_worker_dies_with_what_it_claimed(self, kind: str) -> None:
        self.practice.claim(kind)

    @rule(is_written=st.booleans())
    def a_worker_dies_at_its_work(self, is_written: bool) -> None:
        def dying(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
            if is_written:
                flush(uow, passes)
            raise InterruptedError

        for claim in self.practice.claim("enrollments"):
            try:
                advance(self.practice.runtime, claim, dying)
            except InterruptedError:
                continue

    @rule()
    def a_late_worker_finds_its_claim_taken_over(self) -> None:
        late = self.practice.claim("enrollments")
        self.practice.runtime.clock.advance(
            seconds=self.practice.runtime.settings.lease_seconds + 1
        )
        self.practice.work()
        for claim in late:
            advance(self.practice.runtime, claim)

    @rule(data=st.data())
    def old_events_come_again_in_another_order(self, data: st.DataObject) -> None:
        kinds = (LeadCreated, LeadStageChanged, TextReceived, LeadTagged, CommunicationSettled)
        ours = {lead_id for lead_id, _, _ in self.leads}
        told = [row for row in self.practice.told(*kinds) if row.lead_id in ours]
        for row in reversed(told[-4:]) if data.draw(st.booleans()) else told[:3]:
            for consumer in self.practice.runtime.subscriptions.of(row.name):
                if consumer.name.startswith("automations."):
                    self.practice.do(consumer.run, [decode(row)])

    @invariant()
    def nothing_is_done_twice_or_after_the_end(self) -> None:
        if not getattr(self, "leads", None):
            return
        passages = self.practice.enrollments(self.source)
        mine = {one.id for one in passages}
        runs = [run for run in self.practice.step_runs() if run.enrollment_id in mine]
        texts = self._texts()
        settled = {text.dedupe_key: text.settled_at for text in texts}
        for one in passages:
            own = [run for run in runs if run.enrollment_id == one.id]
            self._check_passage(one, own)
            self._check_times(own, settled)
        live = {one.id for one in passages if one.state == "live"}
        assert {text.origin_id for text in texts if text.status == "queued"} <= live
        keys = [text.dedupe_key for text in texts]
        assert len(keys) == len(set(keys))
        ours = [lead_id for lead_id, _, _ in self.leads]
        told = self.practice.do(_notices, ours)
        assert told == sum(run.kind == "notify" for run in runs)

    def _check_passage(self, one: Enrollment, runs: list[Any]) -> None:
        occurrences = [run.occurrence for run in runs]
        assert occurrences == list(range(len(runs))), (one.id, occurrences)
        steps = [run.step for run in runs]
        assert steps == sorted(steps)
        kinds = {run.step: run.kind for run in runs}
        for step, times in Counter(steps).items():
            assert times <= (2 if kinds[step] == "wait_for_event" else 1)
        if one.state == "ended":
            told = (one.ended_at, one.exit_reason, len(runs))
            assert self.ended.setdefault(one.id, told) == told
            assert one.due_at is None
        else:
            assert one.id not in self.ended
            assert one.due_at is not None
            assert one.attempts == 0

    def _check_times(self, runs: list[Any], settled: dict[str, Any]) -> None:
        """Nothing comes before the wait in front of it is over, or before its text is settled."""
        for before, after in pairwise(runs):
            if "until" in before.outcome and before.kind != "wait_for_event":
                assert after.at >= datetime.fromisoformat(before.outcome["until"])
            key = before.outcome.get("dedupe_key")
            if key in settled:
                assert settled[key] is not None
                assert after.at >= settled[key]

    def _texts(self) -> list[Any]:
        mine = {one.id for one in self.practice.enrollments(self.source)}
        return [text for text in self.practice.texts() if text.origin_id in mine]

    def teardown(self) -> None:
        """Left alone, everybody comes to the end, and nothing is left behind."""
        if not hasattr(self, "source"):
            return
        if self.is_paused:
            self.somebody_pauses_or_resumes()
        for _ in range(120):
            self.practice.work()
            if all(one.state == "ended" for one in self.practice.enrollments(self.source)):
                break
            self.texts_leave("sent")
            self.practice.runtime.clock.advance(hours=6)
        self.nothing_is_done_twice_or_after_the_end()
        passages = self.practice.enrollments(self.source)
        assert all(one.state == "ended" for one in passages)
        # Nobody of this run disturbs the next one.
        self.practice.do(pause, self.automation_id)


def _notices(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> int:
    about = col(StaffNotice.lead_id).in_(lead_ids)
    return uow.session.query(StaffNotice).filter(about).count()


@pytest.fixture
def machine(practice: Practice) -> Any:
    """A machine whose runs share a clinic; each has an automation of its own."""
    return type("Stored", (Stored,), {"practice": practice})


def test_whatever_happens_in_the_database_each_step_is_taken_once_and_in_order(
    machine: Any,
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=7,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
