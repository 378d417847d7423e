"""A provider's statuses, copied, late and in any order, come to one state (TW-20 to TW-25)."""

import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlmodel import select

from crm.compliance.models import Suppression
from crm.messaging.channels.base import NoAnswer, Refused
from crm.messaging.models import Communication, ProviderStatus
from crm.messaging.settling import StatusIn, apply_status, apply_statuses
from tests.messaging.stage import Stage


def _sent(stage: Stage) -> tuple[UUID, str]:
    text = stage.text(stage.somebody())
    stage.work()
    return text, stage.row(text).provider_id or ""


def _apply(stage: Stage, *statuses: StatusIn) -> Sequence[bool]:
    with stage.uow() as uow:
        return apply_statuses(uow, statuses)


def test_statuses_rise_and_never_fall(stage: Stage) -> None:
    text, sid = _sent(stage)
    for status, wanted in (
        ("sending", "sent"),
        ("sent", "sent"),
        ("queued", "sent"),
        ("undelivered", "undelivered"),
        ("sent", "undelivered"),
        ("delivered", "delivered"),
        ("undelivered", "delivered"),
        ("read", "delivered"),
    ):
        _apply(stage, StatusIn(sid, status))
        assert stage.row(text).status == wanted


def test_each_status_is_kept_once_also_what_is_not_known(stage: Stage) -> None:
    text, sid = _sent(stage)
    assert _apply(stage, StatusIn(sid, "sent"), StatusIn(sid, "sent")) == [True, True]
    assert _apply(stage, StatusIn(sid, "sent")) == [False]
    assert _apply(stage, StatusIn(sid, "teleported")) == [True]
    with stage.uow() as uow:
        kept = uow.session.scalars(select(ProviderStatus)).all()
        assert sorted(row.status for row in kept) == ["sent", "teleported"]
        assert {row.communication_id for row in kept} == {text}
    assert stage.row(text).provider_status == "sent"


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_any_copies_come_to_the_same(stage: Stage, seed: int) -> None:
    dice = random.Random(seed)
    text, sid = _sent(stage)
    history = [
        *(StatusIn(sid, "queued"), StatusIn(sid, "sending"), StatusIn(sid, "sent")),
        *(StatusIn(sid, "undelivered", "30008"), StatusIn(sid, "delivered")),
    ]
    heard = [status for status in history for _ in range(dice.randint(1, 4))]
    dice.shuffle(heard)
    while heard:
        size = dice.randint(1, len(heard))
        _apply(stage, *heard[:size])
        del heard[:size]
    row = stage.row(text)
    assert (row.status, row.provider_status, row.error_code) == ("delivered", "delivered", None)
    reported = [event["status"] for event in stage.events("communication.delivery_reported")]
    assert reported[-1] == "delivered"
    assert len(reported) == len(set(reported))
    assert len(stage.events("communication.settled")) == 1


def test_an_undelivered_text_says_why(stage: Stage) -> None:
    text, sid = _sent(stage)
    _apply(stage, StatusIn(sid, "undelivered", "30006"))
    row = stage.row(text)
    assert (row.status, row.error_code, row.reason) == ("undelivered", "30006", "not_textable")


def test_an_opt_out_told_by_a_status_suppresses(stage: Stage) -> None:
    text, sid = _sent(stage)
    _apply(stage, StatusIn(sid, "failed", "21610"))
    assert stage.row(text).status == "failed"
    with stage.uow() as uow:
        assert len(uow.session.scalars(select(Suppression)).all()) == 1


def test_an_unknown_status_of_a_known_attempt_proves_that_it_was_accepted(stage: Stage) -> None:
    stage.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    text = stage.text(stage.somebody())
    stage.work()
    attempt_id = stage.channel.wire[0].attempt_id
    with stage.uow() as uow:
        assert apply_status(uow, StatusIn("SM1", "teleported", None, attempt_id))
    row = stage.row(text)
    assert (row.status, row.provider_id, row.provider_status) == ("sent", "SM1", None)


def test_a_status_without_a_report_of_delivery_leaves_it_sent(stage: Stage) -> None:
    text, sid = _sent(stage)
    _apply(stage, StatusIn(sid, "sent"))
    stage.runtime.clock.advance(days=3)
    assert stage.work() + stage.work("settlements") == 0
    assert stage.row(text).status == "sent"


def test_what_was_never_sent_is_moved_by_no_status(stage: Stage) -> None:
    text = stage.text(stage.somebody(tier="none"))
    stage.work()
    with stage.uow() as uow:
        row = uow.get(Communication, text)
        row.provider_id = "SM1"
    _apply(stage, StatusIn("SM1", "delivered"))
    assert stage.row(text).status == "blocked"


def test_no_statuses_are_no_work(stage: Stage) -> None:
    assert _apply(stage) == []


def test_another_clinics_status_moves_nothing_here(stage: Stage, other_clinic: UUID) -> None:
    text, sid = _sent(stage)
    other = Stage(stage.runtime, other_clinic)
    _apply(other, StatusIn(sid, "delivered"))
    assert stage.row(text).status == "sent"


def _failures(stage: Stage) -> list[str | None]:
    return [event["reason"] for event in stage.events("communication.delivery_failed")]


def test_what_did_not_arrive_is_told_once_whatever_is_said_again(stage: Stage) -> None:
    _text, sid = _sent(stage)
    for _ in range(2):
        _apply(stage, StatusIn(sid, "undelivered", "30006"), StatusIn(sid, "failed", "30006"))

    assert _failures(stage) == ["not_textable"]


def test_what_is_tried_once_more_has_not_failed_yet(stage: Stage) -> None:
    _text, sid = _sent(stage)
    _apply(stage, StatusIn(sid, "undelivered", "30003"))

    assert _failures(stage) == []


def test_a_text_that_the_provider_refuses_at_once_has_failed(stage: Stage) -> None:
    stage.channel.answer = lambda message: Refused(message.attempt_id, "21211", "not_textable")
    text = stage.text(stage.somebody())
    stage.work()

    assert stage.row(text).status == "failed"
    assert _failures(stage) == ["not_textable"]


def test_a_text_that_the_gate_blocks_has_not_failed(stage: Stage) -> None:
    stage.text(stage.somebody(tier="none"))
    stage.work()

    assert _failures(stage) == []
