"""The runner: what its steps do, in which version, and what they leave on record."""

from uuid import UUID, uuid4

from sqlmodel import col, delete, select

from automations.enrollments import end_enrollments
from automations.events import EnrollmentEnded, StepTaken
from automations.gate_facts import origin_facts
from automations.sequences import pause
from crm.contacts.models import ContactAddress
from pipelines.events import LeadStageChanged
from pipelines.models import StageMove
from tests.automations.conftest import (
    CREATED,
    DAY,
    HOUR,
    MOVE,
    SEND,
    STOP,
    Practice,
    enrolled,
    outcomes,
)


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


def test_the_gate_learns_whether_the_origin_is_live_and_paused(
    practice: Practice, other_clinic: UUID
) -> None:
    enrolled(practice, SEND, people=2)
    practice.work()
    [automation_id] = {one.automation_id for one in practice.enrollments()}
    first, second = practice.texts()
    practice.do(end_enrollments, [first.origin_id], "by_hand")
    ids = [first.id, second.id, uuid4()]

    def told() -> dict[UUID, tuple[bool, bool]]:
        facts = practice.do(origin_facts, ids)
        return {
            text_id: (known["is_origin_live"], known["is_origin_paused"])
            for text_id, known in facts.items()
        }

    assert told() == {first.id: (False, False), second.id: (True, False)}
    practice.do(pause, automation_id)
    assert told() == {first.id: (False, True), second.id: (True, True)}
    assert Practice(practice.runtime, other_clinic).do(origin_facts, ids) == {}


def test_keys_are_told_apart_by_enrollment_step_and_occurrence(practice: Practice) -> None:
    enrolled(practice, SEND, people=3)
    practice.work()

    keys = [text.dedupe_key for text in practice.texts()]
    assert len(set(keys)) == 3
    assert set(keys) == {f"{one.id}:0:0" for one in practice.enrollments()}
