"""A text that nobody answered for is asked about; absent, it goes again, and at last is shown."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import update

from crm.compliance.actions import suppress
from crm.core.ids import new_id
from crm.messaging.channels.base import (
    Channels,
    Found,
    NoAnswer,
    OutboundMessage,
    ProviderUnreachable,
)
from crm.messaging.models import Communication
from crm.messaging.settling import (
    AlreadySettled,
    StatusIn,
    apply_status,
    settle_by_hand,
)
from crm.messaging.settling.deciding import MOST_RESENDS
from tests.messaging.stage import Stage, accepted


@pytest.fixture
def silent(stage: Stage) -> Stage:
    """A clinic whose provider answers nothing."""
    stage.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    return stage


def _ask(stage: Stage, seconds: float = 120) -> None:
    stage.runtime.clock.advance(seconds=seconds)
    stage.work("settlements")


def _never_found(stage: Stage) -> None:
    """Ask twice after each time that it goes, until it goes no more."""
    for _ in range(1 + MOST_RESENDS):
        _ask(stage)
        _ask(stage, 60)
        stage.work()


def test_it_is_not_asked_before_its_time(silent: Stage) -> None:
    silent.text(silent.somebody())
    silent.work()
    _ask(silent, 100)
    assert silent.channel.asked == 0
    _ask(silent, 20)
    assert silent.channel.asked == 1


@pytest.mark.parametrize("jump", [0, 7200, -7200])
def test_what_the_provider_has_was_sent_however_our_clock_jumped_meanwhile(
    silent: Stage, jump: float
) -> None:
    ada = silent.somebody()
    text = silent.text(ada)
    silent.work()
    taken_at = silent.row(text).taken_at
    assert taken_at is not None
    called_at = taken_at - silent.runtime.clock.offset
    silent.runtime.clock.advance(seconds=jump)
    [message] = silent.channel.wire
    since: list[datetime] = []

    def has(to: str, sender: str, asked_since: datetime, body: str) -> Sequence[Found]:
        since.append(asked_since)
        assert (to, sender, body) == (ada.phone, "+12125550100", message.body)
        return [Found("SM1", "delivered")]

    silent.channel.has = has
    with silent.uow() as uow:
        uow.session.execute(update(Communication).values(due_at=uow.now))
    _ask(silent, 0)
    row = silent.row(text)
    assert (row.status, row.provider_id) == ("delivered", "SM1")
    assert since[0] <= called_at - timedelta(minutes=59)
    [settled] = silent.events("communication.settled")
    assert settled["status"] == "sent"


def test_absent_twice_it_is_sent_again_and_in_the_end_shown_to_a_person(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    first = silent.row(text).attempt_id
    _ask(silent)
    assert (silent.row(text).status, silent.row(text).asked) == ("unconfirmed", 1)
    _ask(silent, 50)
    assert silent.channel.asked == 1
    _ask(silent, 10)
    assert (silent.row(text).status, silent.row(text).resends) == ("queued", 1)
    silent.work()
    assert silent.row(text).attempt_id != first
    assert len(silent.channel.wire) == 2
    assert silent.channel.wire[0].body == silent.channel.wire[1].body

    _never_found(silent)
    row = silent.row(text)
    assert (row.status, row.reason) == ("failed", "unconfirmed_needs_person")
    silent.runtime.clock.advance(days=2)
    assert silent.work() + silent.work("settlements") == 0
    assert len(silent.channel.wire) == 1 + MOST_RESENDS
    [settled] = silent.events("communication.settled")
    assert settled["reason"] == "unconfirmed_needs_person"


def test_a_callback_of_the_first_attempt_stops_the_second(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    [message] = silent.channel.wire
    _ask(silent)
    _ask(silent, 60)
    assert silent.row(text).status == "queued"
    with silent.uow() as uow:
        apply_status(uow, StatusIn("SM1", "sent", None, message.attempt_id))
    silent.work()
    assert len(silent.channel.wire) == 1
    assert (silent.row(text).status, silent.row(text).provider_id) == ("sent", "SM1")


def test_a_stop_meanwhile_stops_the_second(silent: Stage) -> None:
    ada = silent.somebody()
    text = silent.text(ada)
    silent.work()
    with silent.uow() as uow:
        suppress(uow, ada.address_id, "sms", "stop")
    _ask(silent)
    _ask(silent, 60)
    silent.work()
    assert len(silent.channel.wire) == 1
    assert (silent.row(text).status, silent.row(text).reason) == ("blocked", "suppressed")


def test_a_provider_that_cannot_be_reached_is_asked_again_and_proves_nothing(
    silent: Stage,
) -> None:
    text = silent.text(silent.somebody())
    silent.work()

    def unreachable(*asked: object) -> Sequence[Found]:
        raise ProviderUnreachable

    silent.channel.has = unreachable
    for _ in range(5):
        _ask(silent, 600)
    row = silent.row(text)
    assert (row.status, row.asked, row.resends) == ("unconfirmed", 0, 0)
    assert row.attempts == 5
    silent.channel.has = lambda *asked: [Found("SM1", "sent")]
    _ask(silent, 600)
    assert silent.row(text).status == "sent"


def test_a_fault_in_asking_proves_nothing_either(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()

    def faulty(*asked: object) -> Sequence[Found]:
        raise KeyError("a fault of ours")

    silent.channel.has = faulty
    _ask(silent)
    assert (silent.row(text).status, silent.row(text).asked) == ("unconfirmed", 0)


def test_a_provider_that_cannot_be_asked_leaves_it_to_its_event_or_a_person(
    silent: Stage,
) -> None:
    text, other = silent.text(silent.somebody()), silent.text(silent.somebody())
    silent.channel.has = lambda *asked: None
    silent.work()
    _ask(silent)
    assert silent.row(text).reason is None
    with silent.uow() as uow:
        attempt_id = silent.channel.wire[1].attempt_id
        apply_status(uow, StatusIn("SM2", "queued", None, attempt_id))
    _ask(silent, 600)
    row = silent.row(text)
    assert (row.status, row.reason, row.due_at) == (
        *("unconfirmed", "unconfirmed_needs_person"),
        None,
    )
    assert silent.row(other).status == "sent"
    silent.runtime.clock.advance(days=1)
    assert silent.work() == 0


def test_a_text_that_another_communication_holds_is_not_ours(silent: Stage) -> None:
    ada = silent.somebody()
    silent.channel.answer = accepted
    silent.text(ada, body="Riverside Dental: Hello. STOP HELP")
    silent.work()
    [known] = silent.channel.wire
    silent.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    text = silent.text(ada, body="Riverside Dental: Hello. STOP HELP")
    silent.work()
    silent.channel.has = lambda *asked: [Found(accepted(known).provider_id, "sent")]
    _ask(silent)
    assert (silent.row(text).status, silent.row(text).asked) == ("unconfirmed", 1)


def test_a_text_in_other_words_is_left_to_a_person_and_nothing_goes_again(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    silent.channel.has = lambda *asked: [Found("SM1", "sent", None, is_worded_alike=False)]
    _ask(silent)
    assert (silent.row(text).status, silent.row(text).asked) == ("unconfirmed", 1)
    _ask(silent, 60)
    row = silent.row(text)
    assert (row.status, row.reason) == ("unconfirmed", "unconfirmed_needs_person")
    assert (row.due_at, row.provider_id) == (None, None)
    silent.runtime.clock.advance(days=1)
    assert silent.work() + silent.work("settlements") == 0
    assert len(silent.channel.wire) == 1


def test_a_text_in_other_words_that_is_known_to_be_another_hides_nothing(silent: Stage) -> None:
    ada = silent.somebody()
    silent.channel.answer = accepted
    silent.text(ada)
    silent.work()
    other = accepted(silent.channel.wire[0]).provider_id
    silent.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    text = silent.text(ada, body="Another one.")
    silent.work()
    silent.channel.has = lambda *asked: [Found(other, "sent", None, is_worded_alike=False)]
    _ask(silent)
    _ask(silent, 60)
    assert (silent.row(text).status, silent.row(text).resends) == ("queued", 1)


def test_one_found_text_settles_one_of_two_alike(silent: Stage) -> None:
    ada = silent.somebody()
    texts = [silent.text(ada, body="Riverside Dental: Hello. STOP HELP") for _ in range(2)]
    silent.work()
    silent.channel.has = lambda *asked: [Found("SM1", "sent")]
    _ask(silent)
    assert sorted(silent.row(text).status for text in texts) == ["sent", "unconfirmed"]


def test_a_channel_that_is_gone_leaves_its_texts_to_a_person(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    silent.runtime.channels = Channels({})
    _ask(silent)
    _ask(silent, 600)
    assert silent.row(text).reason == "unconfirmed_needs_person"


def test_a_late_callback_still_tells_what_became_of_a_text_shown_to_a_person(
    silent: Stage,
) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    _never_found(silent)
    assert silent.row(text).status == "failed"
    last = silent.channel.wire[-1]
    with silent.uow() as uow:
        apply_status(uow, StatusIn("SM9", "delivered", None, last.attempt_id))
    assert silent.row(text).status == "delivered"
    assert len(silent.events("communication.settled")) == 1


def test_an_attempt_that_nobody_made_settles_nothing(silent: Stage) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    with silent.uow() as uow:
        apply_status(uow, StatusIn("SM1", "sent", None, new_id()))
    assert silent.row(text).status == "unconfirmed"


def test_the_answer_of_a_worker_that_was_overtaken_by_a_callback_is_dropped(
    silent: Stage,
) -> None:
    text = silent.text(silent.somebody())
    silent.work()
    [message] = silent.channel.wire
    assert isinstance(message, OutboundMessage)

    def has(*asked: object) -> Sequence[Found]:
        with silent.uow() as uow:
            apply_status(uow, StatusIn("SM1", "delivered", None, message.attempt_id))
        return ()

    silent.channel.has = has
    _ask(silent)
    row = silent.row(text)
    assert (row.status, row.asked) == ("delivered", 0)
    assert isinstance(row.id, UUID)


@pytest.mark.parametrize(("was_sent", "status"), [(True, "sent"), (False, "failed")])
def test_a_person_settles_what_no_provider_told(silent: Stage, was_sent: bool, status: str) -> None:
    text = silent.text(silent.somebody())
    silent.channel.has = lambda *asked: None
    silent.work()
    _ask(silent, 720)
    assert silent.row(text).reason == "unconfirmed_needs_person"
    with silent.uow() as uow:
        settle_by_hand(uow, text, was_sent=was_sent)
    assert silent.row(text).status == status
    assert [event["status"] for event in silent.events("communication.settled")] == [status]
    with silent.uow() as uow, pytest.raises(AlreadySettled):
        settle_by_hand(uow, text, was_sent=was_sent)
    assert silent.work() == 0
    assert len(silent.channel.wire) == 1
