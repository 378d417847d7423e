"""A template that carriers filter too often is paused, and the clinic is told (TW-44, 30007)."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.messaging import queries
from crm.messaging.actions import add_template, resume_sending
from crm.messaging.channels.base import OutboundMessage, Refused, Result
from crm.messaging.models import ChannelAccount, Template
from crm.messaging.settling import StatusIn, apply_statuses, filtered
from tests.messaging.stage import Stage

WORDS = {"en": "{{ clinic_name }}: Free stuff!"}


@pytest.fixture
def template(stage: Stage) -> UUID:
    """A template of the clinic."""
    return _publish(stage, WORDS)


def _publish(stage: Stage, words: dict[str, str]) -> UUID:
    with stage.uow() as uow:
        return add_template(uow, "Offer", words).id  # type: ignore[no-any-return]


def _send(stage: Stage, template: UUID, count: int = 1) -> list[UUID]:
    texts = [stage.text(stage.somebody(), template_id=template, body=None) for _ in range(count)]
    stage.work()
    return texts


def _filter(stage: Stage, *texts: UUID) -> None:
    told = [StatusIn(stage.row(text).provider_id or "", "undelivered", "30007") for text in texts]
    for status in told * 2:
        with stage.uow() as uow:
            apply_statuses(uow, [status])


def _paused(stage: Stage) -> list[bool]:
    with stage.uow() as uow:
        rows = uow.session.scalars(select(Template).order_by(col(Template.id)))
        return [row.paused_version_id == row.version_id for row in rows]


def _notices(stage: Stage) -> list[str]:
    with stage.uow() as uow:
        return queries.notices(uow)


def test_two_of_two_hundred_are_borne_and_the_third_pauses_the_template(
    stage: Stage, template: UUID
) -> None:
    first, second, third, _ = _send(stage, template, 4)
    _filter(stage, first, second)
    assert _paused(stage) == [False]
    assert _notices(stage) == []
    _filter(stage, third)
    assert _paused(stage) == [True]
    assert len(stage.events("template.paused")) == 1
    assert _notices(stage) == ["Carriers filter the words of the template “Offer”."]
    [held] = _send(stage, template)
    assert (stage.row(held).status, stage.row(held).held_reason) == ("queued", "template_paused")
    # Other texts leave.
    other = stage.text(stage.somebody())
    stage.work()
    assert stage.row(other).status == "sent"


def test_only_the_latest_texts_of_the_same_template_count(
    stage: Stage, template: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered, "LOOKED_AT", 4)
    old = _send(stage, template, 2)
    _filter(stage, *old)
    _send(stage, template, 3)
    _filter(stage, *_send(stage, template, 1))
    with stage.uow() as uow:
        another = add_template(uow, "Another", WORDS).id
    _filter(stage, *_send(stage, another, 2))
    assert _paused(stage) == [False, False]


def test_a_filter_told_by_the_answer_counts_too(stage: Stage, template: UUID) -> None:
    def refuse(message: OutboundMessage) -> Result:
        return Refused(message.attempt_id, "30007", "content")

    stage.channel.answer = refuse
    stage.runtime.settings.in_flight = 1
    _send(stage, template, 8)
    assert _paused(stage) == [True]
    # Two were taken, then four: the third that is filtered stops what would be taken next.
    assert len(stage.channel.wire) == 6


def test_somebody_lets_it_speak_again_or_gives_it_new_words(stage: Stage, template: UUID) -> None:
    _filter(stage, *_send(stage, template, 3))
    [held] = _send(stage, template)
    _publish(stage, {"en": "{{ clinic_name }}: We look forward to you."})
    assert _paused(stage) == [False]
    assert _notices(stage) == []
    stage.runtime.clock.advance(minutes=5)
    stage.work()
    assert stage.row(held).status == "sent"
    assert "look forward" in stage.channel.wire[-1].body

    _filter(stage, *_send(stage, template, 3))
    [held] = _send(stage, template)
    with stage.uow() as uow:
        assert resume_sending(uow) == 1
    stage.work()
    assert stage.row(held).status == "sent"


def test_a_paused_number_is_told_and_resumed(stage: Stage) -> None:
    def refuse(message: OutboundMessage) -> Result:
        return Refused(message.attempt_id, "30034", "sender")

    answer: Any = stage.channel.answer
    stage.channel.answer = refuse
    text = stage.text(stage.somebody())
    stage.work()
    assert _notices(stage) == ["The provider lets the clinic's number send nothing (30034)."]
    stage.channel.answer = answer
    with stage.uow() as uow:
        assert resume_sending(uow) == 1
        [account] = uow.session.scalars(select(ChannelAccount))
        assert not account.is_paused
    assert _notices(stage) == []
    stage.work()
    assert stage.row(text).status == "sent"
