"""Leaving: each exit, for whom it is, and what it leaves queued."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete
from sqlmodel import select

from automations.consumers import end_opted_out, follow_leads, follow_replies
from automations.definitions import DEFAULT_EXITS, SequenceDefinition
from automations.enrollments import end_by_hand, end_enrollments, end_for_contacts, end_for_leads
from automations.events import EnrollmentEnded
from automations.exits import exit_reason
from automations.models import Enrollment
from crm.compliance.events import AddressSuppressed
from crm.core.errors import NotFound
from crm.core.events import Delivery, decode
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.events import LeadCreated, LeadStageChanged
from tests.automations.conftest import CREATED, DAY, PHONE, SEND, Practice, address, text_from


def suppressed(address_id: UUID, channel: str = "sms") -> AddressSuppressed:
    return AddressSuppressed(
        order_key=address_id, address_id=address_id, channel=channel, reason="stop"
    )


def moved(to_kind: str) -> LeadStageChanged:
    ids = {name: uuid4() for name in ("move_id", "pipeline_id", "from_stage_id", "to_stage_id")}
    return LeadStageChanged(order_key=uuid4(), from_kind="open", to_kind=to_kind, **ids)


def reasons(practice: Practice) -> list[str | None]:
    return [one.exit_reason for one in practice.enrollments()]


@pytest.mark.parametrize(
    ("exits", "to_kind", "reason"),
    [
        (DEFAULT_EXITS, "booked", "booked"),
        (DEFAULT_EXITS, "won", "won"),
        (DEFAULT_EXITS, "lost", "lost"),
        (DEFAULT_EXITS, "open", None),
        (("stage_changed",), "open", "stage_changed"),
        (("stage_changed",), "booked", "stage_changed"),
        (("stage_changed", "booked"), "booked", "booked"),
        (("won",), "booked", None),
        ((), "lost", None),
    ],
)
def test_a_move_ends_what_exits_on_it(
    exits: tuple[str, ...], to_kind: str, reason: str | None
) -> None:
    definition = SequenceDefinition.model_validate(
        {"name": "A", "trigger": CREATED, "exits": exits, "steps": [DAY]}
    )

    assert exit_reason(definition, moved(to_kind)) == reason


@pytest.mark.parametrize(
    ("stage", "reason"),
    [("Booked", "booked"), ("Won", "won"), ("Lost", "lost"), ("Contacted", "stage_changed")],
)
def test_a_moved_lead_leaves_and_its_queued_text_is_voided(
    practice: Practice, stage: str, reason: str
) -> None:
    practice.publish("A", CREATED, SEND, exits=[*DEFAULT_EXITS, "stage_changed"])
    lead_id = practice.lead(practice.person())
    practice.work()

    practice.move(lead_id, stage)
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.state, enrollment.exit_reason) == ("ended", reason)
    assert (enrollment.due_at, enrollment.awaits, enrollment.lease_token) == (None, None, None)
    assert [(text.status, text.reason) for text in practice.texts()] == [("voided", reason)]
    [ended] = practice.told(EnrollmentEnded)
    assert (ended.lead_id, ended.payload["reason"]) == (lead_id, reason)


def test_a_move_ends_the_first_sequence_and_starts_the_stages(practice: Practice) -> None:
    exits = [*DEFAULT_EXITS, "stage_changed"]
    practice.publish("first", CREATED, SEND, exits=exits)
    trigger = {"kind": "stage_entered", "stage": "Contacted"}
    practice.publish("second", trigger, DAY, SEND, exits=exits)
    lead_id = practice.lead(practice.person())
    practice.work()

    practice.move(lead_id, "Contacted")
    practice.work()

    assert [one.exit_reason for one in practice.enrollments("first")] == ["stage_changed"]
    assert [one.state for one in practice.enrollments("second")] == ["live"]


def test_moves_that_are_consumed_together_end_in_the_last_stages_sequence(
    practice: Practice,
) -> None:
    for stage in ("Contacted", "Qualified"):
        trigger = {"kind": "stage_entered", "stage": stage}
        practice.publish(stage, trigger, DAY, exits=["stage_changed"])
    lead_id = practice.lead(practice.person())
    for stage in ("Contacted", "Qualified", "Contacted", "Qualified"):
        practice.move(lead_id, stage)

    practice.work()

    assert [one.state for one in practice.enrollments("Contacted")] == ["ended", "ended"]
    assert sorted(one.state for one in practice.enrollments("Qualified")) == ["ended", "live"]


def test_a_reply_ends_the_sequences_of_everybody_who_uses_the_phone(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND)
    practice.publish("deaf", CREATED, SEND, exits=["booked"])
    practice.lead(practice.person(PHONE))
    practice.lead(practice.person(PHONE))
    practice.lead(practice.person("+12125550178"))
    practice.work()

    practice.emit(text_from(address(practice)))
    practice.work()

    ended = [one.exit_reason for one in practice.enrollments("A")]
    assert ended == ["replied", "replied", None]
    assert {one.state for one in practice.enrollments("deaf")} == {"live"}
    assert sorted(text.status for text in practice.texts()) == ["queued"] * 4 + ["voided"] * 2


def test_a_reply_ends_the_sequences_of_who_was_merged(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    old, new = practice.person("+12125550178"), practice.person(PHONE)
    practice.lead(old)
    practice.work()
    practice.merge(old, into=new)
    practice.emit(text_from(address(practice)))
    practice.work()

    assert reasons(practice) == ["replied"]


@pytest.mark.parametrize("keyword", ["stop", "start", "help"])
def test_a_keyword_is_no_reply(practice: Practice, keyword: str) -> None:
    practice.publish("A", CREATED, DAY)
    practice.lead(practice.person(PHONE))
    practice.work()

    practice.emit(text_from(address(practice), keyword))
    practice.work()

    assert reasons(practice) == [None]


def test_an_opt_out_from_texts_ends_and_one_from_email_does_not(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND)
    practice.lead(practice.person(PHONE))
    practice.work()

    practice.emit(suppressed(address(practice), "email"))
    practice.work()
    assert reasons(practice) == [None]
    practice.emit(suppressed(address(practice)))
    practice.work()
    assert reasons(practice) == ["opted_out"]
    assert [text.status for text in practice.texts()] == ["voided"]


def test_an_earlier_reply_that_is_consumed_late_ends_nothing_that_began_later(
    practice: Practice,
) -> None:
    practice.publish("A", CREATED, DAY)
    person = practice.person(PHONE)
    early = text_from(address(practice))
    practice.emit(early)
    practice.lead(person)
    practice.work()

    practice.do(lambda uow: follow_replies.run(uow, [early]))

    assert reasons(practice) == [None]


def test_a_reply_that_is_consumed_before_a_late_lead_ends_its_sequence_all_the_same(
    practice: Practice,
) -> None:
    practice.publish("A", CREATED, SEND, DAY)
    practice.publish("deaf", CREATED, DAY, exits=["booked"])
    person, other = practice.person(PHONE), practice.person("+12125550188")
    practice.lead(person)
    practice.lead(other)
    late = [decode(row) for row in practice.told(LeadCreated)]
    practice.do(lambda uow: uow.session.execute(delete(Delivery)))
    help_me, said = text_from(address(practice), "help"), text_from(address(practice))
    practice.emit(help_me, said)
    practice.work()

    for _ in range(2):
        practice.do(lambda uow: follow_leads.run(uow, late))

    ends = {one.contact_id: one.exit_reason for one in practice.enrollments("A")}
    assert ends == {person: "replied", other: None}
    assert [one.exit_reason for one in practice.enrollments("deaf")] == [None, None]
    practice.work()
    assert [text.contact_id for text in practice.texts()] == [other]


def test_a_reply_that_is_consumed_late_starts_nothing_for_who_has_booked(
    practice: Practice,
) -> None:
    practice.publish("A", {"kind": "inbound_reply"}, SEND, exits=["booked"])
    contact_id = practice.person(PHONE)
    lead_id = practice.lead(contact_id)
    practice.work()
    theirs = {"contact_id": contact_id, "lead_id": lead_id}
    late = text_from(address(practice)).model_copy(update=theirs)
    practice.emit(late)
    practice.do(lambda uow: uow.session.execute(delete(Delivery)))
    practice.move(lead_id, "Booked")
    practice.work()
    assert practice.enrollments() == []

    for _ in range(2):
        practice.do(lambda uow: follow_replies.run(uow, [late]))
        practice.work()

    assert reasons(practice) == ["booked"]
    assert practice.texts() == []


@pytest.mark.parametrize("keyword", ["help", "stop"])
def test_what_is_no_reply_ends_no_late_sequence(practice: Practice, keyword: str) -> None:
    practice.publish("A", CREATED, DAY)
    practice.lead(practice.person(PHONE))
    [late] = [decode(row) for row in practice.told(LeadCreated)]
    practice.emit(text_from(address(practice), keyword))
    practice.do(lambda uow: follow_leads.run(uow, [late]))
    assert reasons(practice) == [None]


def test_an_opt_out_of_who_was_merged_meanwhile_ends_a_late_sequence(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    kept, merged = practice.person(PHONE), practice.person("+12125550188")
    practice.lead(merged)
    [late] = [decode(row) for row in practice.told(LeadCreated)]
    practice.merge(merged, into=kept)
    practice.emit(suppressed(address(practice)))
    practice.do(lambda uow: follow_leads.run(uow, [late]))
    assert reasons(practice) == ["opted_out"]


def test_exits_that_run_twice_change_nothing(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    practice.publish("answer", {"kind": "inbound_reply"}, DAY)
    person = practice.person(PHONE)
    practice.lead(person)
    practice.work()
    stop = suppressed(address(practice))
    reply = text_from(address(practice)).model_copy(update={"contact_id": person})
    practice.emit(reply)
    practice.work()
    assert [one.state for one in practice.enrollments("answer")] == ["live"]

    [row] = practice.told(TextReceived)
    practice.do(lambda uow: follow_replies.run(uow, [decode(row)]))
    assert [one.state for one in practice.enrollments("answer")] == ["live"]

    practice.emit(stop)
    for _ in range(2):
        practice.do(lambda uow: end_opted_out.run(uow, [stop]))
    practice.work()
    assert reasons(practice) == ["replied", "opted_out"]
    assert len(practice.told(EnrollmentEnded)) == 2


def test_ending_by_hand_ends_once_and_only_in_ones_own_clinic(
    practice: Practice, other_clinic: UUID
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.lead(practice.person())
    practice.work()
    [enrollment] = practice.enrollments()

    with pytest.raises(NotFound):
        Practice(practice.runtime, other_clinic).do(end_by_hand, enrollment.id)
    for _ in range(2):
        practice.do(end_by_hand, enrollment.id)

    assert reasons(practice) == ["by_hand"]
    assert len(practice.told(EnrollmentEnded)) == 1
    assert [text.status for text in practice.texts()] == ["voided"]


def test_a_text_that_is_being_sent_is_not_voided(practice: Practice) -> None:
    practice.publish("A", CREATED, SEND)
    practice.lead(practice.person())
    practice.work()
    [text] = practice.texts()
    practice.settle(text, "sending")

    [enrollment] = practice.enrollments()
    assert practice.do(end_enrollments, [enrollment.id], "by_hand") == [enrollment.id]

    assert [text.status for text in practice.texts()] == ["sending"]


def test_all_of_a_leads_or_a_contacts_sequences_can_be_ended(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    practice.publish("B", CREATED, DAY)
    person = practice.person()
    first, second, third = (practice.lead(person) for _ in range(3))
    other = practice.lead(practice.person("+12125550178"))
    practice.work()

    assert len(practice.do(end_for_leads, [first, second], "merged")) == 4
    assert len(practice.do(end_for_contacts, [person], "erased")) == 2
    assert practice.do(end_for_leads, [], "merged") == []
    assert practice.do(end_for_leads, [third], "merged") == []
    live = [one.lead_id for one in practice.enrollments() if one.state == "live"]
    assert live == [other, other]


def test_a_dead_one_that_is_ended_is_no_longer_dead_work(practice: Practice) -> None:
    practice.publish("A", CREATED, DAY)
    lead_id = practice.lead(practice.person())
    practice.work()

    def let_die(uow: UnitOfWork) -> None:
        [enrollment] = uow.session.scalars(select(Enrollment))
        enrollment.due_at, enrollment.dead_at = None, uow.now
        uow.session.flush()

    practice.do(let_die)
    practice.move(lead_id, "Booked")
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.exit_reason, enrollment.dead_at) == ("booked", None)
