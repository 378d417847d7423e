"""What a carrier could not bring is tried once more, an hour later and past the gate (TW-44)."""

import random
from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.compliance.models import Suppression
from crm.core.principal import PATIENT
from crm.core.together import together
from crm.messaging import timeline
from crm.messaging.channels.refusals import action_for
from crm.messaging.events import CommunicationSettled
from crm.messaging.models import ChannelAccount, Communication
from crm.messaging.receiving import TextIn, receive_text
from crm.messaging.settling import StatusIn, apply_statuses
from tests.messaging.stage import Somebody, Stage

OFF = "30003"


def _sent(stage: Stage, ada: Somebody | None = None, **more: object) -> tuple[UUID, str]:
    text = stage.text(ada or stage.somebody(), **more)
    stage.work()
    return text, stage.row(text).provider_id or ""


def _hear(stage: Stage, *statuses: StatusIn) -> None:
    with stage.uow() as uow:
        apply_statuses(uow, statuses)


def _seconds(stage: Stage, text: UUID) -> list[Communication]:
    """Return the second tries of a text."""
    with stage.uow() as uow:
        return list(
            uow.session.scalars(select(Communication).where(col(Communication.retry_of) == text))
        )


@pytest.mark.parametrize(
    ("codes", "action"),
    [
        ("21211 21614 21635 30005 30006", "not_textable"),
        ("21610 30004", "opted_out"),
        ("30007", "content"),
        ("30034 30024 21606 30002 20003", "sender"),
        ("20429 21611 30001 63038", "later"),
        ("30003 30008", "once_more"),
        ("30410 99999", "final"),
    ],
)
def test_every_listed_code_has_its_class_tw44(codes: str, action: str) -> None:
    assert {action_for(code) for code in codes.split()} == {action}


@pytest.mark.parametrize("code", ["30003", "30008", "30001", "63038"])
def test_it_goes_once_more_after_an_hour_and_not_a_third_time(stage: Stage, code: str) -> None:
    text, sid = _sent(stage)
    _hear(stage, StatusIn(sid, "undelivered", code))
    [second] = _seconds(stage, text)
    assert (second.status, second.held_reason) == ("queued", "once_more")
    assert second.due_at is not None
    with stage.uow() as uow:
        assert timedelta(minutes=59) < second.due_at - uow.now <= timedelta(hours=1)
    stage.runtime.clock.advance(minutes=59)
    assert stage.work() == 0
    stage.runtime.clock.advance(minutes=1)
    assert stage.work() == 1
    first_said, then_said = (message.body for message in stage.channel.wire)
    # The first did not arrive: this one names the clinic and tells how to end it.
    assert then_said == first_said
    assert "STOP" in then_said
    again = stage.row(second.id)
    assert again.status == "sent"
    _hear(stage, StatusIn(again.provider_id or "", "undelivered", code))
    assert stage.row(second.id).status == "undelivered"
    stage.runtime.clock.advance(days=1)
    assert stage.work() == 0
    assert _seconds(stage, second.id) == []
    assert len(stage.channel.wire) == 2


@pytest.mark.parametrize("code", ["30005", "30006", "30007", "30410", "30002", "99999"])
def test_nothing_else_goes_again(stage: Stage, code: str) -> None:
    text, sid = _sent(stage)
    _hear(stage, StatusIn(sid, "undelivered", code))
    assert stage.row(text).status == "undelivered"
    assert _seconds(stage, text) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_copies_in_any_order_make_one_second_try(stage: Stage, order: tuple[int, ...]) -> None:
    text, sid = _sent(stage)
    told = [StatusIn(sid, "sending"), StatusIn(sid, "sent"), StatusIn(sid, "undelivered", OFF)]
    heard = [told[place] for place in order for _ in range(2)]
    for status in heard:
        _hear(stage, status)
    _hear(stage, *heard)
    assert len(_seconds(stage, text)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_what_arrived_after_all_is_not_said_twice(stage: Stage, seed: int) -> None:
    text, sid = _sent(stage)
    told = [StatusIn(sid, "undelivered", OFF), StatusIn(sid, "delivered")] * 2
    random.Random(seed).shuffle(told)
    for status in told:
        _hear(stage, status)
    assert stage.row(text).status == "delivered"
    assert {row.reason for row in _seconds(stage, text)} <= {"arrived_after_all"}
    stage.runtime.clock.advance(hours=2)
    assert stage.work() == 0
    assert len(stage.channel.wire) == 1


def test_a_failure_heard_before_the_answer_is_tried_once_more_too(stage: Stage) -> None:
    text = stage.text(stage.somebody())
    answer = stage.channel.answer

    def heard_first(message: object) -> object:
        attempt_id = message.attempt_id  # type: ignore[attr-defined]
        _hear(stage, StatusIn(f"SM{attempt_id.hex}", "undelivered", OFF, attempt_id))
        return answer(message)  # type: ignore[arg-type]

    stage.channel.answer = heard_first  # type: ignore[assignment]
    stage.work()
    assert stage.row(text).status == "undelivered"
    assert len(_seconds(stage, text)) == 1


def test_never_after_a_stop(stage: Stage) -> None:
    ada, bea = stage.somebody(), stage.somebody()
    text, sid = _sent(stage, ada)
    other, other_sid = _sent(stage, bea)
    _hear(stage, StatusIn(sid, "undelivered", OFF))
    for somebody in (ada, bea):
        _say(stage, somebody, "STOP")
    _hear(stage, StatusIn(other_sid, "undelivered", OFF))  # The status comes after the STOP.
    stage.runtime.clock.advance(hours=2)
    wired = len(stage.channel.wire)
    stage.work()
    assert [row.status for row in _seconds(stage, text)] == ["voided"]
    assert [row.reason for row in _seconds(stage, other)] == ["suppressed"]
    assert len(stage.channel.wire) == wired


def _say(stage: Stage, somebody: Somebody, words: str) -> None:
    with stage.runtime.database.transaction(stage.clinic, PATIENT) as uow:
        receive_text(
            uow,
            TextIn("+12125550100", somebody.phone, words, f"SM-{somebody.phone}-{words}", "twilio"),
        )


def test_not_after_a_reply(stage: Stage) -> None:
    ada = stage.somebody()
    text, sid = _sent(stage, ada)
    _hear(stage, StatusIn(sid, "undelivered", OFF))
    _say(stage, ada, "I am here now")
    stage.runtime.clock.advance(hours=1)
    stage.work()
    assert [row.reason for row in _seconds(stage, text)] == ["replied"]


def test_it_waits_for_the_morning(stage: Stage) -> None:
    stage.set_clock(19, 30)
    text, sid = _sent(stage)
    _hear(stage, StatusIn(sid, "undelivered", OFF))
    stage.runtime.clock.advance(hours=1)
    stage.work()
    [second] = _seconds(stage, text)
    assert (second.status, second.held_reason) == ("queued", "quiet_hours")


def test_what_would_come_too_late_is_left(stage: Stage) -> None:
    with stage.uow() as uow:
        soon = uow.now + timedelta(minutes=50)
    useless, sid = _sent(stage, useful_until=soon)
    _hear(stage, StatusIn(sid, "undelivered", OFF))
    old, old_sid = _sent(stage)
    stage.runtime.clock.advance(hours=25)
    _hear(stage, StatusIn(old_sid, "undelivered", OFF))
    assert _seconds(stage, useless) == _seconds(stage, old) == []


def test_the_timeline_tells_of_both(stage: Stage) -> None:
    text, sid = _sent(stage)
    _hear(stage, StatusIn(sid, "undelivered", OFF))
    stage.runtime.clock.advance(hours=1)
    stage.work()
    [second] = _seconds(stage, text)
    with stage.uow() as uow:
        told = [
            CommunicationSettled(order_key=text, communication_id=each, status="sent")
            for each in (text, second.id)
        ]
        source = timeline.TEXTS
        found = together(uow, **source.reads(uow, told))
        first_entry, then_entry = source.fill(uow, told, found).values()
    assert first_entry.state == "Not delivered"
    assert "The phone could not be reached." in first_entry.why
    assert "The first one did not arrive; it is tried once more." in then_entry.why


def test_a_status_that_tells_of_a_refused_sender_pauses_its_account(stage: Stage) -> None:
    _, sid = _sent(stage)
    _hear(stage, StatusIn(sid, "undelivered", "30034"))
    with stage.uow() as uow:
        [account] = uow.session.scalars(select(ChannelAccount))
        assert (account.is_paused, account.paused_reason) == (True, "30034")
    held = stage.text(stage.somebody())
    stage.work()
    assert stage.row(held).held_reason == "sender_paused"


def test_a_number_that_a_carrier_blocks_for_us_is_suppressed(stage: Stage) -> None:
    ada = stage.somebody()
    _, sid = _sent(stage, ada)
    _hear(stage, StatusIn(sid, "undelivered", "30004"))
    with stage.uow() as uow:
        [row] = uow.session.scalars(select(Suppression))
        assert (row.address_id, row.reason) == (ada.address_id, "provider_opted_out")
