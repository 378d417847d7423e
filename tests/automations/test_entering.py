"""Who enters a sequence, who is refused, and that running twice changes nothing."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from automations.consumers import follow_leads, turns
from automations.events import EnrollmentRefused, EnrollmentStarted
from automations.keys import derived_id
from automations.sequences import pause, resume
from crm.core.events import MAX_CAUSES, Event, EventRow, decode
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.actions import Move, RequestedAgain, move_leads, request_again
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from tests.automations.conftest import CREATED, DAY, SEND, Practice


def refusals(practice: Practice) -> list[str]:
    return [row.payload["reason"] for row in practice.told(EnrollmentRefused)]


def ask_again(practice: Practice, lead_id: UUID) -> None:
    practice.do(request_again, [RequestedAgain(lead_id, "form", uuid4())])


def received(contact_id: UUID | None, lead_id: UUID | None = None) -> TextReceived:
    address = uuid4()
    return TextReceived(
        order_key=address,
        contact_id=contact_id,
        lead_id=lead_id,
        communication_id=uuid4(),
        address_id=address,
        conversation_id=uuid4(),
    )


def test_a_new_lead_enters_with_its_version_cause_and_event(practice: Practice) -> None:
    automation = practice.publish("A", CREATED, DAY)
    lead_id = practice.lead(practice.person())

    practice.work()

    [enrollment] = practice.enrollments()
    [created] = practice.told(LeadCreated)
    [started] = practice.told(EnrollmentStarted)
    assert enrollment.version_id == automation.version_id
    assert (enrollment.subject_kind, enrollment.subject_id) == ("lead", lead_id)
    assert enrollment.cause == [str(created.id)]
    assert enrollment.state == "live"
    assert started.order_key == started.lead_id == lead_id
    assert started.payload["enrollment_id"] == str(enrollment.id)


def test_each_trigger_starts_its_own_sequence(practice: Practice) -> None:
    practice.publish("created", CREATED, DAY)
    practice.publish("again", {"kind": "requested_again"}, DAY)
    practice.publish("entered", {"kind": "stage_entered", "stage": "Contacted"}, DAY, exits=[])
    practice.publish("left", {"kind": "stage_left", "stage": "Contacted"}, DAY)
    practice.publish("reply", {"kind": "inbound_reply", "stage": "Qualified"}, DAY)
    person = practice.person()
    lead_id = practice.lead(person)

    def entered() -> set[str]:
        practice.work()
        names = ("created", "again", "entered", "left", "reply")
        return {name for name in names if practice.enrollments(name)}

    assert entered() == {"created"}
    ask_again(practice, lead_id)
    assert entered() == {"created", "again"}
    practice.emit(received(person, lead_id))
    assert entered() == {"created", "again"}
    practice.move(lead_id, "Contacted")
    assert entered() == {"created", "again", "entered"}
    practice.move(lead_id, "Qualified")
    assert entered() == {"created", "again", "entered", "left"}
    practice.emit(received(person, lead_id))
    assert entered() == {"created", "again", "entered", "left", "reply"}


def test_a_reply_of_somebody_without_a_lead_enrolls_the_contact(practice: Practice) -> None:
    practice.publish("A", {"kind": "inbound_reply"}, SEND)
    person = practice.person()

    practice.emit(received(person), received(None))
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.subject_kind, enrollment.subject_id) == ("contact", person)
    [text] = practice.texts()
    assert (text.contact_id, text.lead_id) == (person, None)


def test_conditions_keep_people_out_and_say_so(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY, conditions=[{"kind": "language_is", "language": "es"}])
    practice.lead(practice.person())
    practice.lead(practice.person(language="es"))

    practice.work()

    assert len(practice.enrollments()) == 1
    assert refusals(practice) == ["conditions"]


def test_who_comes_while_it_is_paused_is_refused_and_not_let_in_when_it_is_resumed(
    practice: Practice,
) -> None:
    automation = practice.publish("A", CREATED, DAY)
    practice.do(pause, automation.id)
    late = practice.lead(practice.person())
    practice.work()
    assert practice.enrollments() == []
    [refused] = practice.told(EnrollmentRefused)
    assert (refused.lead_id, refused.payload["reason"]) == (late, "paused")

    practice.do(resume, automation.id)
    on_time = practice.lead(practice.person())
    practice.runtime.clock.advance(days=2)
    practice.work()
    assert [one.lead_id for one in practice.enrollments()] == [on_time]
    assert refusals(practice) == ["paused"]


def test_a_pause_is_the_reason_for_those_alone_who_would_have_entered(practice: Practice) -> None:
    conditions = [{"kind": "language_is", "language": "es"}]
    automation = practice.publish(
        "A", {"kind": "requested_again"}, DAY, conditions=conditions, reentry="restart"
    )
    english = practice.lead(practice.person())
    spanish = practice.lead(practice.person(language="es"))
    ask_again(practice, spanish)
    practice.work()
    practice.do(pause, automation.id)
    ask_again(practice, english)
    ask_again(practice, spanish)
    practice.work()

    assert sorted(refusals(practice)) == ["conditions", "paused"]
    # A restart that cannot begin ends nothing.
    assert [one.state for one in practice.enrollments()] == ["live"]


@pytest.mark.parametrize(
    ("reentry", "while_in", "after_end"),
    [
        ("never", ["once_only"], ["once_only", "once_only"]),
        ("after_end", ["already_in"], ["already_in"]),
        ("restart", [], []),
    ],
)
def test_who_may_enter_again_is_the_sequences_rule(
    practice: Practice, reentry: str, while_in: list[str], after_end: list[str]
) -> None:
    practice.publish(
        "A", {"kind": "requested_again"}, DAY, reentry=reentry, exits=["stage_changed"]
    )
    lead_id = practice.lead(practice.person())
    ask_again(practice, lead_id)
    practice.work()

    ask_again(practice, lead_id)
    practice.work()
    assert refusals(practice) == while_in
    restarted = [one.exit_reason for one in practice.enrollments() if one.state == "ended"]
    assert restarted == (["restarted"] if reentry == "restart" else [])
    assert sum(one.state == "live" for one in practice.enrollments()) == 1

    practice.move(lead_id, "Contacted")
    practice.work()
    assert all(one.state == "ended" for one in practice.enrollments())
    ask_again(practice, lead_id)
    practice.work()
    assert refusals(practice) == after_end
    live = [one for one in practice.enrollments() if one.state == "live"]
    assert len(live) == (0 if reentry == "never" else 1)


def test_several_requests_of_one_chunk_leave_one_live(practice: Practice) -> None:
    for reentry in ("never", "after_end", "restart"):
        practice.publish(reentry, {"kind": "requested_again"}, DAY, reentry=reentry)
    lead_id = practice.lead(practice.person())
    for _ in range(3):
        ask_again(practice, lead_id)

    practice.work()

    for reentry, entered in (("never", 1), ("after_end", 1), ("restart", 3)):
        found = practice.enrollments(reentry)
        assert [len(found), sum(one.state == "live" for one in found)] == [entered, 1]


def test_running_the_consumer_twice_changes_nothing(practice: Practice) -> None:
    practice.publish("created", CREATED, DAY, exits=["stage_changed"])
    practice.publish("again", {"kind": "requested_again"}, DAY, reentry="restart")
    practice.publish("moved", {"kind": "stage_entered"}, DAY, exits=["stage_changed"])
    practice.publish("once", {"kind": "stage_entered"}, DAY, reentry="never", exits=["lost"])
    practice.publish(
        "spanish", CREATED, DAY, conditions=[{"kind": "language_is", "language": "es"}]
    )
    lead_id = practice.lead(practice.person())
    ask_again(practice, lead_id)
    practice.move(lead_id, "Contacted")
    practice.move(lead_id, "Qualified")
    practice.work()
    rows = practice.told(LeadCreated, LeadRequestedAgain, LeadStageChanged)
    before = picture(practice)

    for chunk in (rows, rows[:2], rows[2:], rows[3:]):
        practice.do(lambda uow, chunk=chunk: follow_leads.run(uow, [decode(row) for row in chunk]))

    assert picture(practice) == before
    assert {state for _, state, _ in before[0]} == {"live", "ended"}
    assert before[1] == ["conditions", "once_only"]


def picture(practice: Practice) -> tuple[list[Any], list[str], int]:
    enrollments = [(one.id, one.state, one.exit_reason) for one in practice.enrollments()]
    return enrollments, sorted(refusals(practice)), len(practice.told(*Event.types.values()))


def test_a_loop_of_two_sequences_stops_and_says_so(practice: Practice) -> None:
    for here, there in (("Contacted", "Qualified"), ("Qualified", "Contacted")):
        practice.publish(
            f"to {there}",
            {"kind": "stage_entered", "stage": here},
            {"kind": "move_stage", "stage": there},
            exits=[],
        )
    lead_id = practice.lead(practice.person())
    practice.move(lead_id, "Contacted")

    practice.work()

    moves = practice.told(LeadStageChanged)
    assert [len(move.cause) for move in moves] == list(range(MAX_CAUSES + 1))
    assert moves[-1].cause == [move.id for move in moves[:-1]]
    assert refusals(practice) == ["loop"]
    assert all(one.state == "ended" for one in practice.enrollments())


def test_a_person_may_move_a_lead_again_after_a_loop(practice: Practice) -> None:
    practice.publish("A", {"kind": "stage_entered", "stage": "Contacted"}, DAY)
    lead_id = practice.lead(practice.person())
    stages = [practice.stage("Contacted"), practice.stage("New")]
    causes = tuple(new_id() for _ in range(MAX_CAUSES))
    practice.do(move_leads, [Move(lead_id, stages[0], cause=causes)])
    practice.work()
    assert practice.enrollments() == []

    practice.do(move_leads, [Move(lead_id, stages[1])])
    practice.do(move_leads, [Move(lead_id, stages[0])])
    practice.work()

    assert len(practice.enrollments()) == 1
    assert refusals(practice) == ["loop"]


def test_a_refused_consumer_leaves_nothing_behind(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    practice.lead(practice.person())
    [row] = practice.told(LeadCreated)

    def interrupted(uow: UnitOfWork, row: EventRow) -> None:
        follow_leads.run(uow, [decode(row)])
        raise InterruptedError

    with pytest.raises(InterruptedError):
        practice.do(interrupted, row)

    assert practice.enrollments() == []
    practice.work()
    assert len(practice.enrollments()) == 1


def test_a_clinics_events_start_only_its_own_sequences(
    practice: Practice, other_clinic: UUID
) -> None:
    other = Practice(practice.runtime, other_clinic)
    other.publish("A", CREATED, DAY)
    practice.lead(practice.person())

    practice.work()

    assert practice.enrollments() == []
    assert other.enrollments() == []


def test_turns_hold_one_event_a_key_in_order() -> None:
    first, second, third, other = (received(None) for _ in range(4))
    second, third = (
        event.model_copy(update={"order_key": first.order_key}) for event in (second, third)
    )

    assert list(turns([first, second, other, third])) == [[first, other], [second], [third]]
    assert list(turns([])) == []


def test_derived_ids_are_sevens_of_the_events_time_and_differ() -> None:
    event, owner = new_id(), new_id()
    made = derived_id(event, owner)

    assert made == derived_id(event, owner)
    assert made.version == 7
    assert made.variant == event.variant
    assert made.bytes[:6] == event.bytes[:6]
    assert (
        len(
            {
                made,
                derived_id(event, event),
                derived_id(owner, event),
                derived_id(event, owner, "x"),
            }
        )
        == 4
    )
