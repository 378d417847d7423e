"""The runner: chunks in one transaction, waits that hold, texts that are not overtaken."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event as engine_events
from sqlmodel import col, delete, select

from automations.consumers import wake_settled
from automations.enrollments import end_by_hand, end_enrollments
from automations.events import EnrollmentEnded, StepTaken
from automations.flushing import flush
from automations.gate_facts import origin_facts
from automations.models import Enrollment
from automations.runner import advance
from automations.sequences import pause, resume
from automations.walking import LOOK_AGAIN, Pass
from crm.contacts.models import ContactAddress
from crm.core.events import decode
from crm.core.performing import perform
from crm.core.uow import UnitOfWork
from crm.core.work import Claim
from crm.messaging.events import CommunicationSettled
from crm.messaging.models import Communication
from pipelines.events import LeadStageChanged
from pipelines.models import StageMove
from tests.automations.conftest import DAY, SEND, Practice, outcomes

CREATED = {"kind": "lead_created"}
HOUR = {"kind": "wait_for", "hours": 1}
MOVE = {"kind": "move_stage", "stage": "Contacted"}
STOP = {"kind": "stop"}


def enrolled(practice: Practice, *steps: Any, people: int = 1, **more: Any) -> None:
    """Publish a sequence and deliver the events of new leads, without advancing anybody."""
    practice.publish("A", CREATED, *steps, **more)
    for _ in range(people):
        practice.lead(practice.person())
    practice.runtime.clock.advance(seconds=6)
    for claim in practice.claim("deliveries"):
        perform(practice.runtime, practice.runtime.work["deliveries"], claim)
    practice.runtime.clock.advance(seconds=6)


def test_a_sequence_runs_from_its_first_text_to_its_end(practice: Practice) -> None:
    enrolled(practice, SEND, DAY, SEND, STOP)

    practice.work()
    [text] = practice.texts()
    [enrollment] = practice.enrollments()
    assert text.dedupe_key == enrollment.awaits == f"{enrollment.id}:0:0"
    assert (text.origin_kind, text.origin_id) == ("enrollment", enrollment.id)
    assert (text.message_class, text.lead_id) == ("care", enrollment.lead_id)
    assert text.cause == enrollment.cause

    practice.settle(text)
    practice.work()
    [enrollment] = practice.enrollments()
    assert (enrollment.step, enrollment.awaits) == (2, None)
    assert len(practice.texts()) == 1

    practice.runtime.clock.advance(days=1)
    practice.work()
    practice.settle(practice.texts()[1])
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.state, enrollment.exit_reason) == ("ended", "stopped")
    assert (enrollment.due_at, enrollment.lease_token) == (None, None)
    runs = practice.step_runs()
    assert [run.kind for run in runs] == ["send_text", "wait_for", "send_text", "stop"]
    assert [run.occurrence for run in runs] == [0, 1, 2, 3]
    assert runs[0].inputs["stage_kind"] == "open"
    assert runs[0].inputs["zone"] == "America/New_York"
    assert runs[1].outcome["until"]
    assert runs[3].outcome == {"exit": "stopped"}
    assert [row.payload["kind"] for row in practice.told(StepTaken)] == ["send_text"] * 2
    assert [row.payload["reason"] for row in practice.told(EnrollmentEnded)] == ["stopped"]


def test_a_wait_is_not_cut_short_by_a_ring(practice: Practice) -> None:
    enrolled(practice, DAY, SEND)
    practice.work()
    [enrollment] = practice.enrollments()
    assert enrollment.due_at is not None

    practice.runtime.clock.advance(hours=20)
    assert practice.claim("enrollments") == []
    assert practice.texts() == []


def test_a_held_text_is_not_overtaken_by_the_next(practice: Practice) -> None:
    enrolled(practice, SEND, HOUR, SEND)

    for _ in range(20):
        practice.work()
        practice.runtime.clock.advance(minutes=30)
    assert len(practice.texts()) == 1

    practice.settle(practice.texts()[0])
    practice.work()
    assert len(practice.texts()) == 1
    practice.runtime.clock.advance(hours=1)
    practice.work()
    assert len(practice.texts()) == 2


@pytest.mark.parametrize("status", ["sent", "blocked", "failed", "voided"])
def test_whatever_became_of_a_text_the_sequence_goes_on(practice: Practice, status: str) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()

    practice.settle(practice.texts()[0], status)
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.step, enrollment.awaits) == (2, None)


def test_a_settlement_that_nobody_told_of_is_seen_after_a_quarter_of_an_hour(
    practice: Practice,
) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()

    def settle_in_silence(uow: UnitOfWork) -> None:
        [text] = uow.session.scalars(select(Communication))
        text.status, text.due_at = "sent", None
        uow.session.flush()

    practice.do(settle_in_silence)
    practice.work()
    assert practice.enrollments()[0].step == 1
    practice.runtime.clock.advance(seconds=LOOK_AGAIN.total_seconds())
    practice.work()

    assert practice.enrollments()[0].step == 2


def test_only_who_waits_for_just_this_text_is_woken_and_twice_is_once(practice: Practice) -> None:
    enrolled(practice, SEND, DAY, SEND)
    practice.work()
    [text] = practice.texts()
    practice.settle(text)
    practice.work()
    [waiting] = practice.enrollments()
    [settled] = practice.told(CommunicationSettled)

    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))
    assert practice.enrollments() == [waiting]

    practice.runtime.clock.advance(days=1)
    practice.work()
    [awaiting] = practice.enrollments()
    assert awaiting.awaits == f"{awaiting.id}:2:2"
    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))
    assert practice.enrollments() == [awaiting]


def test_what_staff_sent_wakes_nobody(practice: Practice) -> None:
    enrolled(practice, SEND)
    practice.work()
    [awaiting] = practice.enrollments()
    [text] = practice.texts()
    event = CommunicationSettled(
        order_key=text.address_id,
        communication_id=text.id,
        status="sent",
        origin_kind="user",
        origin_id=awaiting.id,
    )

    practice.do(lambda uow: wake_settled.run(uow, [event]))

    assert practice.enrollments() == [awaiting]


def test_a_settlement_during_a_lease_keeps_the_lease(practice: Practice) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()
    practice.runtime.clock.advance(seconds=LOOK_AGAIN.total_seconds())
    [claim] = practice.claim("enrollments")
    practice.settle(practice.texts()[0])
    [settled] = practice.told(CommunicationSettled)

    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))

    [enrollment] = practice.enrollments()
    assert (enrollment.lease_token, enrollment.lease_until) == (claim.token, claim.until)
    advance(practice.runtime, claim)
    assert practice.enrollments()[0].step == 2


def test_a_contact_without_a_phone_goes_on_at_once_and_the_step_says_why(
    practice: Practice,
) -> None:
    practice.publish("A", CREATED, SEND, {**SEND, "useful_hours": 1}, DAY)
    practice.lead(practice.person(phone=None))

    practice.work()

    assert practice.texts() == []
    assert outcomes(practice.step_runs()) == [
        ("send_text", "no_phone"),
        ("send_text", "no_phone"),
        ("wait_for", None),
    ]
    [enrollment] = practice.enrollments()
    assert (enrollment.state, enrollment.step, enrollment.awaits) == ("live", 3, None)


def test_one_without_a_phone_holds_nobody_up_in_its_chunk(practice: Practice) -> None:
    enrolled(practice, SEND, people=3)
    [first, *_] = practice.enrollments()
    practice.do(
        lambda uow: uow.session.execute(
            delete(ContactAddress).where(col(ContactAddress.contact_id) == first.contact_id)
        )
    )

    practice.work()

    assert [one.state for one in practice.enrollments()] == ["ended", "live", "live"]
    assert len(practice.texts()) == 2


def test_a_move_is_recorded_as_the_automations_with_its_cause(practice: Practice) -> None:
    enrolled(practice, MOVE, SEND)
    practice.work()

    [enrollment] = practice.enrollments()
    [moved] = practice.told(LeadStageChanged)
    [move] = practice.do(lambda uow: uow.session.scalars(select(StageMove)).all())
    assert enrollment.lead_id is not None
    assert practice.stage_of(enrollment.lead_id) == "Contacted"
    assert [str(cause) for cause in moved.cause] == enrollment.cause
    assert (move.principal_kind, move.reason) == ("automation", "A")
    assert len(practice.texts()) == 1


def test_a_move_that_ends_its_own_sequence_sends_nothing_after_it(practice: Practice) -> None:
    enrolled(practice, MOVE, SEND, exits=["stage_changed"])

    practice.work()

    assert [one.exit_reason for one in practice.enrollments()] == ["stage_changed"]
    assert practice.texts() == []


def test_people_stay_in_the_version_they_entered(practice: Practice) -> None:
    enrolled(practice, SEND, HOUR, MOVE)
    practice.work()
    practice.publish("A", CREATED, HOUR, STOP)
    practice.lead(practice.person())
    practice.settle(practice.texts()[0])
    for _ in range(3):
        practice.work()
        practice.runtime.clock.advance(hours=1)
    practice.work()

    old, new = practice.enrollments()
    assert old.version_id != new.version_id
    assert (old.exit_reason, new.exit_reason) == ("finished", "stopped")
    kinds: dict[UUID, list[str]] = {one.id: [] for one in (old, new)}
    for run in practice.step_runs():
        kinds[run.enrollment_id].append(run.kind)
    assert kinds[old.id] == ["send_text", "wait_for", "move_stage"]
    assert kinds[new.id] == ["wait_for", "stop"]


def test_who_is_in_a_paused_automation_stays_until_it_is_resumed(practice: Practice) -> None:
    enrolled(practice, HOUR, SEND)
    practice.work()
    [enrollment] = practice.enrollments()
    practice.do(pause, enrollment.automation_id)
    for _ in range(4):
        practice.runtime.clock.advance(hours=1)
        practice.work()
    assert practice.texts() == []
    assert practice.enrollments()[0].step == 1

    practice.do(resume, enrollment.automation_id)
    practice.runtime.clock.advance(minutes=5)
    practice.work()
    assert len(practice.texts()) == 1


@pytest.mark.parametrize("is_written", [False, True])
def test_a_pass_that_dies_has_done_nothing(practice: Practice, is_written: bool) -> None:
    enrolled(practice, MOVE, people=3)
    practice.publish("B", {"kind": "stage_entered"}, SEND)
    before = practice.enrollments()
    [claim] = practice.claim("enrollments")

    def dying(uow: UnitOfWork, claim: Claim, passes: Sequence[Pass]) -> None:
        if is_written:
            flush(uow, claim, passes)
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
        practice.runtime.clock.advance(seconds=6)
        for claim in practice.claim("deliveries"):
            perform(practice.runtime, practice.runtime.work["deliveries"], claim)
        practice.runtime.clock.advance(seconds=6)
        [claim] = practice.claim("enrollments")
        assert len(claim.ids) == people
        counts.append(statements_of(practice, claim))

    assert counts[0] == counts[1]
    assert counts[1] <= 15


def statements_of(practice: Practice, claim: Claim) -> int:
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    engine = practice.runtime.database.engine
    engine_events.listen(engine, "before_cursor_execute", listen)
    try:
        advance(practice.runtime, claim)
    finally:
        engine_events.remove(engine, "before_cursor_execute", listen)
    return len(said)


def test_the_gate_learns_whether_the_origin_is_live_and_paused(
    practice: Practice, other_clinic: UUID
) -> None:
    enrolled(practice, SEND, people=2)
    practice.work()
    [automation_id] = {one.automation_id for one in practice.enrollments()}
    first, second = practice.texts()
    practice.do(end_enrollments, [first.origin_id], "by_hand")
    ids = [first.id, second.id, uuid4()]

    def facts(*, paused: bool) -> dict[UUID, dict[str, bool]]:
        return {
            first.id: {"is_origin_live": False, "is_origin_paused": paused},
            second.id: {"is_origin_live": True, "is_origin_paused": paused},
        }

    assert practice.do(origin_facts, ids) == facts(paused=False)
    practice.do(pause, automation_id)
    assert practice.do(origin_facts, ids) == facts(paused=True)
    assert Practice(practice.runtime, other_clinic).do(origin_facts, ids) == {}


def test_keys_are_told_apart_by_enrollment_step_and_occurrence(practice: Practice) -> None:
    enrolled(practice, SEND, people=3)
    practice.work()

    keys = [text.dedupe_key for text in practice.texts()]
    assert len(set(keys)) == 3
    assert set(keys) == {f"{one.id}:0:0" for one in practice.enrollments()}
