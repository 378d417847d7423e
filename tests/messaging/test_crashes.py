"""A process that dies on any line leaves a text either queued or sending, and none is doubled."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from crm.compliance.actions import suppress
from crm.core import performing
from crm.core import work as due
from crm.core.work import Claim
from crm.messaging import sending
from crm.messaging.actions import void_texts
from crm.messaging.channels.base import Found, OutboundMessage, Result
from crm.messaging.sending import COMMUNICATIONS, taking
from tests.messaging.stage import Stage, accepted


class Killed(BaseException):
    """The process is gone: nothing after it runs, no handler catches it."""


def _claim(stage: Stage) -> Claim:
    stage.runtime.clock.advance(seconds=6)
    with stage.runtime.database.system() as system:
        [claim] = due.claim(system, COMMUNICATIONS, lease=stage.runtime.settings.lease)
    return claim


def _die(*given: Any, **options: Any) -> Any:
    raise Killed


@pytest.mark.parametrize(
    "line",
    [
        (sending, "queued"),
        (sending, "lock_addresses"),
        (sending, "take"),
        (taking, "judge"),
        (taking.judging, "write"),
        (taking, "_write_taken"),
    ],
)
def test_killed_before_the_take_is_committed_it_is_queued_and_goes_when_the_lease_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, line: tuple[Any, str]
) -> None:
    texts = [stage.text(stage.somebody()) for _ in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr(*line, _die)
        with pytest.raises(Killed):
            performing.perform(stage.runtime, COMMUNICATIONS, _claim(stage))
    assert [stage.row(text).status for text in texts] == ["queued"] * 3
    assert stage.channel.wire == []

    assert stage.work() == 0
    stage.runtime.clock.advance(seconds=stage.runtime.settings.lease_seconds)
    stage.work()
    assert [stage.row(text).status for text in texts] == ["sent"] * 3
    assert len(stage.channel.wire) == 3


def test_killed_between_the_take_and_the_call_it_is_asked_about_and_sent_once_more(
    stage: Stage,
) -> None:
    text = stage.text(stage.somebody())
    stage.channel.answer = _die
    with pytest.raises(Killed):
        performing.perform(stage.runtime, COMMUNICATIONS, _claim(stage))
    assert stage.row(text).status == "sending"

    stage.channel.answer = accepted
    stage.channel.wire.clear()  # it died before the request left
    for _ in range(4):
        stage.runtime.clock.advance(minutes=3)
        stage.work()
        stage.work("settlements")
    stage.work()
    row = stage.row(text)
    assert (row.status, row.resends) == ("sent", 1)
    assert len(stage.channel.wire) == 1


def test_sending_is_never_claimed_for_sending_again(stage: Stage) -> None:
    text = stage.text(stage.somebody())
    stage.channel.answer = _die
    with pytest.raises(Killed):
        performing.perform(stage.runtime, COMMUNICATIONS, _claim(stage))
    stage.runtime.clock.advance(hours=1)
    assert stage.work() == 0
    assert stage.row(text).status == "sending"


def test_killed_before_its_result_was_written_it_is_found_at_the_provider(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_wire = stage.channel.wire
    text = stage.text(stage.somebody())
    with monkeypatch.context() as patched:
        patched.setattr(sending, "record", _die)
        with pytest.raises(Killed):
            performing.perform(stage.runtime, COMMUNICATIONS, _claim(stage))
    assert stage.row(text).status == "sending"

    stage.channel.has = lambda to, sender, since, body: [
        _found(message) for message in from_wire if (message.to, message.body) == (to, body)
    ]
    stage.runtime.clock.advance(seconds=31)
    stage.work("settlements")
    assert stage.row(text).status == "unconfirmed"
    stage.runtime.clock.advance(seconds=120)
    stage.work("settlements")
    row = stage.row(text)
    assert (row.status, row.provider_id) == ("sent", accepted(from_wire[0]).provider_id)
    assert len(from_wire) == 1
    assert [event["status"] for event in stage.events("communication.settled")] == ["sent"]


def _found(message: OutboundMessage) -> Found:
    return Found(accepted(message).provider_id, "sent")


def test_a_stop_between_the_look_and_the_take_keeps_its_text_off_the_wire(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = stage.somebody(), stage.somebody()
    stopped, sent = stage.text(ada), stage.text(bob)

    def stop(uow: Any, ids: Iterable[UUID]) -> None:
        monkeypatch.undo()
        with stage.uow() as other:
            suppress(other, ada.address_id, "sms", "stop")
        sending.lock_addresses(uow, ids)

    claim = _claim(stage)
    monkeypatch.setattr(sending, "lock_addresses", stop)
    performing.perform(stage.runtime, COMMUNICATIONS, claim)
    assert stage.sent_to == [bob.phone]
    assert (stage.row(stopped).status, stage.row(stopped).reason) == ("blocked", "suppressed")
    assert stage.row(sent).status == "sent"


def test_a_text_voided_between_the_look_and_the_take_stays_off_the_wire(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = stage.text(stage.somebody())
    origin_id = stage.row(text).origin_id
    assert origin_id is not None
    claim = _claim(stage)
    queued = sending.queued

    def looked(*given: Any) -> Any:
        seen = list(queued(*given))
        with stage.uow() as uow:
            void_texts(uow, "campaign", {origin_id: "replied"})
        return seen

    monkeypatch.setattr(sending, "queued", looked)
    performing.perform(stage.runtime, COMMUNICATIONS, claim)
    assert stage.channel.wire == []
    assert (stage.row(text).status, stage.row(text).reason) == ("voided", "replied")


def test_a_worker_whose_lease_was_taken_over_sends_nothing(stage: Stage) -> None:
    text = stage.text(stage.somebody())
    old = _claim(stage)
    stage.runtime.clock.advance(seconds=stage.runtime.settings.lease_seconds)
    new = _claim(stage)
    performing.perform(stage.runtime, COMMUNICATIONS, old)
    assert stage.channel.wire == []
    performing.perform(stage.runtime, COMMUNICATIONS, new)
    assert len(stage.channel.wire) == 1
    assert stage.row(text).status == "sent"


def test_a_fault_of_the_channel_loses_nothing_that_was_answered(stage: Stage) -> None:
    texts = [stage.text(stage.somebody()) for _ in range(4)]
    answers = iter([accepted, accepted])

    def answer(message: OutboundMessage) -> Result:
        give = next(answers, None)
        if give is None:
            raise RuntimeError("a fault of ours")
        return give(message)

    stage.channel.answer = answer
    stage.work()
    statuses = [stage.row(text).status for text in texts]
    assert statuses == ["sent", "sent", "sending", "sending"]
    assert len(stage.channel.wire) == 4


def test_a_fault_while_taking_waits_for_what_flies(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.runtime.settings.in_flight = 1
    texts = [stage.text(stage.somebody()) for _ in range(4)]
    take, calls = sending.take, iter([True])

    def once(*given: Any) -> Any:
        if next(calls, None):
            return take(*given)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(sending, "take", once)
    stage.work()
    assert [stage.row(text).status for text in texts] == ["sent", "sent", "queued", "queued"]
    monkeypatch.undo()
    stage.runtime.clock.advance(minutes=10)
    stage.work()
    assert [stage.row(text).status for text in texts] == ["sent"] * 4
    assert len(stage.channel.wire) == 4


def test_a_result_that_cannot_be_written_at_once_is_written_at_the_second_try(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = stage.text(stage.somebody())
    lost = iter([True])
    write_down = sending.Wire._write_down

    def flaky(wire: sending.Wire) -> None:
        if wire.landed and next(lost, None):
            raise OperationalError("", {}, Exception("the connection is gone"))
        write_down(wire)

    monkeypatch.setattr(sending.Wire, "_write_down", flaky)
    stage.work()
    assert stage.row(text).status == "sent"


def test_a_text_that_was_taken_but_not_begun_in_time_does_not_leave(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The channel pulls the first text at once, the others 100 s later.
    monkeypatch.setattr(sending, "monotonic", lambda: 100.0 * len(stage.channel.wire))
    texts = [stage.text(stage.somebody()) for _ in range(3)]
    stage.work()
    assert len(stage.channel.wire) == 1
    assert [stage.row(text).status for text in texts] == ["sent", "queued", "queued"]
    assert stage.row(texts[1]).attempt_id is None
    # Nobody is to blame but us, and the provider's day does not begin.
    assert (stage.row(texts[1]).held_reason, stage.row(texts[1]).refused_since) == (None, None)
    assert stage.row(texts[1]).taken_at is None
