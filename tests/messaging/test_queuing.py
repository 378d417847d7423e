"""Queueing: once a key, to the latest phone, and nothing that its sender may not send."""

from typing import Any

import pytest
from sqlmodel import select

from crm.compliance.actions import suppress
from crm.contacts.actions import Person, match_or_create
from crm.core.errors import Invalid, NotFound
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.messaging.actions import (
    OptedOut,
    OutboundText,
    add_template,
    queue_texts,
    send_staff_text,
)
from crm.messaging.grammar import TemplateRefused
from crm.messaging.models import Communication, TemplateVersion
from crm.messaging.rendering import TextTooLong
from tests.messaging.stage import Stage


def test_a_key_is_queued_once_with_its_first_words(stage: Stage) -> None:
    ada = stage.somebody()
    first = stage.text(ada, dedupe_key="e:1:1", body="First.")
    again = stage.text(ada, dedupe_key="e:1:1", body="Second.")
    assert first == again
    assert stage.body(first) == "First."
    with stage.uow() as uow:
        assert len(uow.session.scalars(select(Communication)).all()) == 1


def test_a_key_twice_in_one_call_is_queued_once(stage: Stage) -> None:
    ada = stage.somebody()
    with stage.uow() as uow:
        text = OutboundText(ada.contact_id, "care", "campaign", new_id(), "k", body="Hi.")
        assert len(queue_texts(uow, [text, text])) == 1
    stage.work()
    assert len(stage.channel.wire) == 1


def test_known_and_new_keys_come_back_together(stage: Stage) -> None:
    ada = stage.somebody()
    known = stage.text(ada, dedupe_key="known")
    with stage.uow() as uow:
        texts = [
            OutboundText(ada.contact_id, "care", "campaign", new_id(), key, body="Hi.")
            for key in ("known", "new")
        ]
        ids = queue_texts(uow, texts)
    assert ids["known"] == known
    assert set(ids) == {"known", "new"}


def test_a_contact_without_a_phone_gets_none(stage: Stage) -> None:
    with stage.uow() as uow:
        person = Person(name="Eve", phone_e164=None, email="eve@example.com", language="en")
        [matched] = match_or_create(uow, [person])
        text = OutboundText(matched.contact_id, "care", "campaign", new_id(), "k", body="Hi.")
        assert queue_texts(uow, [text]) == {}
        assert queue_texts(uow, []) == {}


@pytest.mark.parametrize(
    ("message_class", "origin_kind"), [("system", "enrollment"), ("staff", "enrollment")]
)
def test_an_automation_may_not_send_what_needs_no_consent(
    message_class: str, origin_kind: str
) -> None:
    with pytest.raises(ValueError, match="may not send"):
        OutboundText(new_id(), message_class, origin_kind, new_id(), "k")


def test_publishing_a_name_again_makes_the_next_version(stage: Stage) -> None:
    with stage.uow() as uow:
        first = add_template(uow, "welcome", {"en": "Hi."})
        version = first.version_id
        second = add_template(uow, "welcome", {"en": "Hello."})
        assert first.id == second.id
        assert second.version_id != version
        versions = uow.session.scalars(select(TemplateVersion)).all()
        assert sorted(row.number for row in versions) == [1, 2]


def test_a_text_keeps_the_words_of_the_version_it_was_queued_with(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "welcome", {"en": "Old words."})
    text = stage.text(stage.somebody(), template_id=template.id, body=None)
    with stage.uow() as uow:
        add_template(uow, "welcome", {"en": "New words."})
    stage.work()
    assert "Old words." in stage.body(text)


def test_a_template_that_cannot_be_read_or_has_no_words_is_refused(stage: Stage) -> None:
    with stage.uow() as uow:
        with pytest.raises(TemplateRefused):
            add_template(uow, "bad", {"en": "{% for x in y %}"})
        with pytest.raises(Invalid):
            add_template(uow, "empty", {})
        with pytest.raises(Invalid):
            add_template(uow, "system", {"en": "x"}, message_class="system")


def test_staff_are_told_at_once_what_cannot_be_sent(stage: Stage) -> None:
    ada = stage.somebody()
    with stage.uow() as uow:
        suppress(uow, ada.address_id, "sms", "stop")
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (OptedOut, {"contact_id": ada.contact_id}),
        (NotFound, {"contact_id": new_id()}),
        (NotFound, {"conversation_id": new_id()}),
        (Invalid, {"contact_id": ada.contact_id, "body": " \n"}),
        (TextTooLong, {"contact_id": ada.contact_id, "body": "a" * 1601}),
    ]
    for error, given in cases:
        with stage.uow() as uow, pytest.raises(error):
            send_staff_text(uow, **{"body": "Hi", "key": "k", **given})


def test_a_staff_reply_keeps_its_conversation(stage: Stage) -> None:
    ada = stage.somebody()
    first = stage.text(ada)
    stage.work()
    conversation_id = stage.row(first).conversation_id
    user = Principal("user", new_id())
    with stage.runtime.database.transaction(stage.clinic, user) as uow:
        reply = send_staff_text(uow, body="Hi", key="k", conversation_id=conversation_id)
    stage.work(queue="urgent")
    row = stage.row(reply)
    assert (row.status, row.conversation_id) == ("sent", conversation_id)
    assert row.origin_id == user.id
