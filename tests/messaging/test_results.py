"""What a channel answers, and what is made of it: for this text and for those that would follow."""

from collections.abc import Iterable

import pytest
from sqlmodel import col, select

from crm.compliance.models import Consent, Suppression
from crm.core.principal import PATIENT
from crm.messaging import sending
from crm.messaging.actions import hold_sends, release_sends, resume_sending
from crm.messaging.channels.base import Accepted, NoAnswer, OutboundMessage, Refused, Result
from crm.messaging.models import ChannelAccount, Communication
from crm.messaging.settling import StatusIn, apply_status
from tests.messaging.stage import Stage, accepted


def _refusing(code: str, action: str, **more: float) -> object:
    def answer(message: OutboundMessage) -> Result:
        return Refused(message.attempt_id, code, action, **more)  # type: ignore[arg-type]

    return answer


@pytest.mark.parametrize(
    ("code", "action", "reason"),
    [
        ("21614", "not_textable", "not_textable"),
        ("30007", "content", "content_refused"),
        ("99999", "final", "provider_refused"),
        ("21610", "opted_out", "provider_opted_out"),
    ],
)
def test_a_refusal_for_good_fails_the_text_and_says_why(
    stage: Stage, code: str, action: str, reason: str
) -> None:
    stage.channel.answer = _refusing(code, action)  # type: ignore[assignment]
    text = stage.text(stage.somebody())
    stage.work()
    row = stage.row(text)
    assert (row.status, row.reason, row.error_code) == ("failed", reason, code)
    assert row.due_at is None
    [settled] = stage.events("communication.settled")
    assert (settled["status"], settled["reason"]) == ("failed", reason)


def test_a_number_that_cannot_get_texts_gets_no_more_until_it_texts_us(stage: Stage) -> None:
    stage.channel.answer = _refusing("21614", "not_textable")  # type: ignore[assignment]
    ada = stage.somebody()
    stage.text(ada)
    stage.work()
    stage.channel.answer = accepted
    blocked = stage.text(ada)
    stage.work()
    assert stage.row(blocked).reason == "not_textable"
    _write_in(stage, ada.address_id)
    text = stage.text(ada)
    stage.work()
    assert stage.row(text).status == "sent"


def _write_in(stage: Stage, address_id: object) -> None:
    with stage.runtime.database.transaction(stage.clinic, PATIENT) as uow:
        uow.add(
            Communication(
                direction="in",
                status="received",
                message_class="care",
                address_id=address_id,
                dedupe_key="in:1",
                created_at=uow.now,
            )
        )


def test_a_number_that_the_provider_holds_for_opted_out_is_suppressed(stage: Stage) -> None:
    stage.channel.answer = _refusing("21610", "opted_out")  # type: ignore[assignment]
    ada = stage.somebody()
    stage.text(ada)
    stage.work()
    with stage.uow() as uow:
        [row] = uow.session.scalars(select(Suppression))
        assert (row.address_id, row.reason) == (ada.address_id, "provider_opted_out")
        # It is not a STOP that was said to us: the ledger says nothing that nobody said.
        said = uow.session.scalars(select(Consent).where(col(Consent.action) == "revoked"))
        assert said.all() == []
    blocked = stage.text(ada)
    stage.work()
    assert stage.row(blocked).reason == "suppressed"


def test_a_refused_sender_pauses_its_account_and_holds_every_text(stage: Stage) -> None:
    stage.runtime.settings.in_flight = 1
    stage.channel.answer = _refusing("30034", "sender")  # type: ignore[assignment]
    texts = [stage.text(stage.somebody()) for _ in range(3)]
    stage.work()
    assert len(stage.channel.wire) == 1
    rows = [stage.row(text) for text in texts]
    assert [row.status for row in rows] == ["queued"] * 3
    assert [row.held_reason for row in rows] == ["sender_paused"] * 3
    with stage.uow() as uow:
        [account] = uow.session.scalars(select(ChannelAccount))
        assert (account.is_paused, account.paused_reason) == (True, "30034")
    assert stage.events("communication.settled") == []


def test_what_is_refused_for_now_goes_again_later_and_counts_nowhere(stage: Stage) -> None:
    stage.channel.answer = _refusing("20429", "later", retry_after=30)  # type: ignore[assignment]
    ada = stage.somebody()
    text = stage.text(ada)
    stage.work()
    row = stage.row(text)
    assert (row.status, row.held_reason, row.attempts) == ("queued", "provider_busy", 1)
    assert (row.attempt_id, row.taken_at) == (None, None)
    assert stage.work() == 0
    stage.channel.answer = accepted
    stage.runtime.clock.advance(seconds=60)
    stage.work()
    assert stage.row(text).status == "sent"
    assert "STOP" in stage.channel.wire[-1].body


def test_a_provider_that_refuses_for_a_day_is_given_up(stage: Stage) -> None:
    stage.channel.answer = _refusing("20429", "later")  # type: ignore[assignment]
    text = stage.text(stage.somebody())
    stage.work()
    stage.runtime.clock.advance(hours=25)
    stage.work()
    assert stage.row(text).reason == "provider_unavailable"


def test_the_day_counts_from_the_first_refusal_whatever_held_the_text_before(stage: Stage) -> None:
    with stage.uow() as uow:
        hold_sends(uow)
    text = stage.text(stage.somebody())
    stage.work()
    assert stage.row(text).held_reason == "hold"
    stage.runtime.clock.advance(days=2)
    with stage.uow() as uow:
        release_sends(uow)
    stage.channel.answer = _refusing("20429", "later")  # type: ignore[assignment]
    stage.work()
    since = stage.row(text).refused_since
    assert since is not None
    for hours in (1, 22):
        stage.runtime.clock.advance(hours=hours)
        stage.work()
        row = stage.row(text)
        assert (row.status, row.held_reason, row.refused_since) == (
            "queued",
            "provider_busy",
            since,
        )
    stage.runtime.clock.advance(hours=2)
    stage.work()
    assert (stage.row(text).status, stage.row(text).reason) == ("failed", "provider_unavailable")


def test_the_day_counts_anew_after_a_pause_of_the_sender(stage: Stage) -> None:
    text = stage.text(stage.somebody())
    for refuse in (_refusing("20429", "later"), _refusing("30034", "sender")):
        stage.channel.answer = refuse  # type: ignore[assignment]
        stage.runtime.clock.advance(hours=1)
        stage.work()
    assert stage.row(text).held_reason == "sender_paused"
    assert stage.row(text).refused_since is None
    stage.runtime.clock.advance(days=3)
    with stage.uow() as uow:
        resume_sending(uow)
    stage.channel.answer = _refusing("20429", "later")  # type: ignore[assignment]
    stage.work()
    assert stage.row(text).held_reason == "provider_busy"
    stage.channel.answer = accepted
    stage.runtime.clock.advance(hours=1)
    stage.work()
    assert (stage.row(text).status, stage.row(text).refused_since) == ("sent", None)


def test_no_answer_leaves_a_text_unconfirmed_and_nobody_goes_on(stage: Stage) -> None:
    stage.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    text = stage.text(stage.somebody())
    stage.work()
    row = stage.row(text)
    assert row.status == "unconfirmed"
    assert row.taken_at is not None
    assert row.due_at is not None
    assert (row.due_at - row.taken_at).total_seconds() == 120
    assert stage.work() == 0
    assert stage.events("communication.settled") == []


def test_a_callback_that_comes_before_its_answer_wins(stage: Stage) -> None:
    def answer(message: OutboundMessage) -> Result:
        sid = f"SM{message.attempt_id.hex}"
        with stage.uow() as uow:
            assert apply_status(uow, StatusIn(sid, "delivered", None, message.attempt_id))
        return Accepted(message.attempt_id, sid, "queued")

    stage.channel.answer = answer
    text = stage.text(stage.somebody())
    stage.work()
    row = stage.row(text)
    assert (row.status, row.provider_status) == ("delivered", "delivered")
    assert len(stage.events("communication.settled")) == 1


def test_a_status_that_knew_no_text_is_applied_when_the_answer_comes(stage: Stage) -> None:
    def answer(message: OutboundMessage) -> Result:
        sid = f"SM{message.attempt_id.hex}"
        with stage.uow() as uow:
            assert apply_status(uow, StatusIn(sid, "undelivered", "30005"))
        return Accepted(message.attempt_id, sid, "queued")

    stage.channel.answer = answer
    ada = stage.somebody()
    text = stage.text(ada)
    stage.work()
    row = stage.row(text)
    assert (row.status, row.error_code, row.reason) == ("undelivered", "30005", "not_textable")
    [reported] = stage.events("communication.delivery_reported")
    assert reported["error_code"] == "30005"


def test_an_answer_for_another_attempt_changes_nothing(stage: Stage) -> None:
    late: list[OutboundMessage] = []

    def silent(message: OutboundMessage) -> Result:
        late.append(message)
        return Refused(message.attempt_id, "20429", "later")

    stage.channel.answer = silent
    text = stage.text(stage.somebody())
    stage.work()
    stage.channel.answer = lambda message: NoAnswer(message.attempt_id, "timeout")
    stage.runtime.clock.advance(minutes=1)
    stage.work()
    with stage.uow() as uow:
        news = apply_status(uow, StatusIn("SM1", "delivered", None, late[0].attempt_id))
    assert news
    assert stage.row(text).status == "unconfirmed"


def test_results_are_written_in_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    record = sending.record

    def counted(uow: object, settings: object, landed: list[object]) -> None:
        batches.append(len(landed))
        record(uow, settings, landed)  # type: ignore[arg-type]

    monkeypatch.setattr(sending, "record", counted)
    stage.channel.window = 20
    texts = [stage.text(stage.somebody()) for _ in range(50)]
    stage.work()
    assert sum(batches) == 50
    assert max(batches) <= sending.RECORD_AT
    assert len(batches) <= 6
    assert _statuses(stage) == {"sent"}
    assert len(texts) == 50


def _statuses(stage: Stage) -> set[str]:
    with stage.uow() as uow:
        found: Iterable[str] = uow.session.scalars(select(col(Communication.status)))
        return set(found)


def test_the_day_of_a_busy_provider_begins_anew_after_a_hold(stage: Stage) -> None:
    text = stage.text(stage.somebody())
    stage.channel.answer = _refusing("20429", "later")  # type: ignore[assignment]
    stage.work()
    assert stage.row(text).held_reason == "provider_busy"
    with stage.uow() as uow:
        hold_sends(uow)
    stage.runtime.clock.advance(hours=1)
    stage.work()
    assert stage.row(text).held_reason == "hold"
    stage.runtime.clock.advance(days=2)
    with stage.uow() as uow:
        release_sends(uow)
    stage.work()
    assert (stage.row(text).status, stage.row(text).reason) == ("queued", None)
