"""What leaves, once and in whose words: first texts, languages, windows and senders."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import select

from crm.core.runtime import Runtime
from crm.messaging.actions import add_template, void_texts
from crm.messaging.channels.sandbox import Sandbox
from crm.messaging.models import Sender
from crm.runtime import build_channels
from tests.messaging.stage import WINDOW, Stage


def test_a_text_leaves_once_and_is_recorded(stage: Stage) -> None:
    ada = stage.somebody()
    text = stage.text(ada)

    assert stage.work() == 1
    assert stage.work() == 0

    [message] = stage.channel.wire
    row = stage.row(text)
    assert (message.to, message.sender) == (ada.phone, "+12125550100")
    assert message.status_callback == (
        f"https://testserver/webhooks/twilio/status?a={message.attempt_id}"
    )
    assert (row.status, row.provider_id) == ("sent", f"SM{message.attempt_id.hex}")
    assert row.consent_id is not None
    assert row.conversation_id is not None
    assert row.gate["zones"] == ["America/New_York"]
    assert row.gate["local_times"][0].split("T")[1].startswith("12:")
    assert (row.due_at, row.lease_token) == (None, None)
    assert stage.body(text) == message.body
    [settled] = stage.events("communication.settled")
    assert settled["communication_id"] == str(text)
    assert settled["status"] == "sent"


def test_the_first_text_names_the_clinic_and_the_way_out_the_second_only_the_clinic(
    stage: Stage,
) -> None:
    ada = stage.somebody()
    stage.text(ada, body="See you soon.")
    stage.work()
    stage.text(ada, body="Riverside Dental expects you.")
    stage.work()
    stage.text(ada, body="Are you there?")
    stage.work()

    first, second, third = (message.body for message in stage.channel.wire)
    assert first.startswith("Riverside Dental: See you soon.")
    assert "STOP" in first
    assert "HELP" in first
    assert second == "Riverside Dental expects you."
    assert third == "Riverside Dental: Are you there?"


def test_two_texts_to_one_address_leave_one_after_the_other_and_only_one_is_the_first(
    stage: Stage,
) -> None:
    ada = stage.somebody()
    texts = [stage.text(ada, body=f"Text {number}") for number in range(3)]
    stage.work()

    assert stage.channel.most_flying == 1
    assert ["STOP" in message.body for message in stage.channel.wire] == [True, False, False]
    assert [stage.row(text).status for text in texts] == ["sent"] * 3


def test_a_template_speaks_the_persons_language_else_the_clinics(stage: Stage) -> None:
    with stage.uow() as uow:
        both = {"en": "Hi {{ first_name }}!", "es": "Hola, {{ first_name }}."}
        spoken = add_template(uow, "both", both)
        english = add_template(uow, "english", {"en": "Good day."})
    eva = stage.somebody(language="es")
    stage.text(eva, template_id=spoken.id, body=None)
    stage.work()
    stage.text(eva, template_id=english.id, body=None)
    stage.work()

    first, second = (message.body for message in stage.channel.wire)
    assert first.startswith("Riverside Dental: Hola, Ada.")
    assert "Responda STOP" in first
    assert second == "Riverside Dental: Good day."


def test_values_that_only_the_queuer_knew_are_filled_in_and_kept_encrypted(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "link", {"en": "{{ clinic_name }}: {{ booking_link }}"})
    ada = stage.somebody()
    values = {"booking_link": "https://example.test/b/7"}
    text = stage.text(ada, template_id=template.id, body=None, values=values)
    assert "example" not in (stage.row(text).merge_values or "")
    stage.work()
    assert "https://example.test/b/7" in stage.channel.wire[0].body


def test_the_sandbox_takes_texts_in_the_demo_only(runtime: Runtime, clinic: UUID) -> None:
    stage = Stage(runtime, clinic).open("sandbox")
    runtime.channels = build_channels(runtime.settings)
    text = stage.text(stage.somebody())
    stage.work()
    row = stage.row(text)
    assert row.status == "sent"
    assert (row.provider_id or "").startswith("SB")

    live = runtime.settings.model_copy(update={"frontdesk_env": "production"})
    runtime.channels = build_channels(live)
    text = stage.text(stage.somebody())
    stage.work()
    assert (stage.row(text).status, stage.row(text).held_reason) == ("queued", "no_sender")


def test_the_sandbox_answers_nothing_it_was_not_given() -> None:
    assert list(Sandbox().send_many([None])) == []


def test_a_chunk_slides_through_its_window(stage: Stage) -> None:
    stage.runtime.settings.in_flight = WINDOW
    texts = [stage.text(stage.somebody()) for _ in range(11)]
    stage.work()
    assert [stage.row(text).status for text in texts] == ["sent"] * 11
    assert len(stage.sent_to) == len(set(stage.sent_to)) == 11
    assert stage.channel.most_flying == WINDOW


def test_never_more_is_taken_than_may_fly(stage: Stage) -> None:
    stage.runtime.settings.in_flight = 3
    stage.channel.window = 50
    texts = [stage.text(stage.somebody()) for _ in range(9)]
    stage.work()
    assert [stage.row(text).status for text in texts] == ["sent"] * 9
    assert stage.channel.most_flying == 3


def test_voided_texts_never_leave_and_what_left_is_not_voided(stage: Stage) -> None:
    ada, bob = stage.somebody(), stage.somebody()
    sent = stage.text(bob)
    stage.work()
    waiting = stage.text(ada)
    origins = [row.origin_id for row in (stage.row(sent), stage.row(waiting)) if row.origin_id]
    with stage.uow() as uow:
        assert void_texts(uow, "campaign", dict.fromkeys(origins, "booked")) == 1
    stage.work()
    assert stage.sent_to == [bob.phone]
    row = stage.row(waiting)
    assert (row.status, row.reason, row.due_at) == ("voided", "booked", None)
    assert stage.row(sent).status == "sent"


def test_the_number_they_talked_with_stays_the_sender(stage: Stage) -> None:
    ada, bob = stage.somebody(), stage.somebody()
    stage.text(ada)
    stage.work()
    with stage.uow() as uow:
        [old] = uow.session.scalars(select(Sender))
        old.is_default = False
        uow.add(Sender(account_id=old.account_id, channel="sms", value="+1999", created_at=uow.now))
    stage.text(ada)
    stage.text(bob)
    stage.work()
    senders = {message.to: message.sender for message in stage.channel.wire}
    assert senders == {ada.phone: "+12125550100", bob.phone: "+1999"}


def test_a_text_does_not_outlive_its_use_at_the_provider(stage: Stage) -> None:
    stage.set_clock(18)
    stage.text(stage.somebody())
    with stage.uow() as uow:
        useful_until = uow.now + timedelta(minutes=15)
    stage.text(stage.somebody(), useful_until=useful_until)
    stage.work()
    until_night, until_useless = (message.valid_seconds for message in stage.channel.wire)
    assert 7000 < until_night <= 7200
    assert 600 < until_useless < 900
