"""What leaves, what is held or blocked, and why; first texts, languages, caps and windows."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select, update

from crm.accounts.models import Clinic
from crm.compliance import actions as consent_actions
from crm.compliance.actions import NewConsent, record_consents, suppress
from crm.core.events import EventRow
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import (
    add_template,
    pause_account,
    release_held,
    resume_account,
    send_staff_text,
    void_texts,
)
from crm.messaging.channels.sandbox import Sandbox
from crm.messaging.models import ChannelAccount, Sender
from crm.messaging.receiving import TextIn, receive_text
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


def test_a_missing_value_blocks_its_text_and_no_other(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "link", {"en": "Book: {{ booking_link }}"})
    blocked = stage.text(stage.somebody(), template_id=template.id, body=None)
    sent = stage.text(stage.somebody())
    stage.work()

    row = stage.row(blocked)
    assert (row.status, row.reason) == ("blocked", "missing_value:booking_link")
    assert stage.row(sent).status == "sent"


def test_a_template_without_words_blocks(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "silent", {"en": "{% if service %}x{% endif %}"})
    text = stage.text(stage.somebody(), template_id=template.id, body=None)
    stage.work()
    assert stage.row(text).reason == "no_words"


def test_a_text_that_is_too_long_with_its_way_out_blocks(stage: Stage) -> None:
    text = stage.text(stage.somebody(), body="a" * 1590)
    stage.work()
    assert (stage.row(text).status, stage.row(text).reason) == ("blocked", "text_too_long")


def _suppressed(stage: Stage) -> UUID:
    ada = stage.somebody()
    with stage.uow() as uow:
        suppress(uow, ada.address_id, "sms", "stop")
    return stage.text(ada)


def _without_consent(stage: Stage) -> UUID:
    return stage.text(stage.somebody(tier="none"))


def _consent_taken_back_while_the_clock_was_late(stage: Stage) -> UUID:
    ada = stage.somebody()
    revoked = NewConsent(ada.address_id, ada.contact_id, "sms", "care", "none", "revoked")
    with pytest.MonkeyPatch.context() as patch, stage.uow() as uow:
        patch.setattr(consent_actions, "new_id", lambda: UUID(int=1))
        record_consents(uow, [revoked])
    return stage.text(ada)


def _marketing_with_care_consent(stage: Stage) -> UUID:
    return stage.text(stage.somebody(), message_class="marketing")


def _marketing_by_its_template(stage: Stage) -> UUID:
    with stage.uow() as uow:
        template = add_template(uow, "offer", {"en": "Offer"}, message_class="marketing")
    return stage.text(stage.somebody(), template_id=template.id, body=None)


def _too_late(stage: Stage) -> UUID:
    with stage.uow() as uow:
        useful_until = uow.now + timedelta(seconds=5)
    return stage.text(stage.somebody(), useful_until=useful_until)


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        (_suppressed, "suppressed"),
        (_without_consent, "no_consent"),
        (_consent_taken_back_while_the_clock_was_late, "no_consent"),
        (_marketing_with_care_consent, "no_consent"),
        (_marketing_by_its_template, "no_consent"),
        (_too_late, "no_longer_useful"),
    ],
)
def test_what_must_not_leave_is_blocked_with_its_reason(
    stage: Stage, queue: Any, reason: str
) -> None:
    text = queue(stage)
    stage.work()

    row = stage.row(text)
    assert (row.status, row.reason, row.due_at) == ("blocked", reason, None)
    assert stage.channel.wire == []
    [settled] = stage.events("communication.settled")
    assert (settled["status"], settled["reason"]) == ("blocked", reason)


@pytest.mark.parametrize("fact", ["is_origin_live", "is_lead_open"])
def test_other_rooms_may_say_no(stage: Stage, fact: str) -> None:
    def source(uow: UnitOfWork, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        return {row_id: {fact: False} for row_id in ids}

    stage.runtime.fact_sources = [source, lambda uow, ids: {row_id: {fact: True} for row_id in ids}]
    text = stage.text(stage.somebody())
    stage.work()
    wanted = {"is_origin_live": "origin_ended", "is_lead_open": "lead_closed"}
    assert stage.row(text).reason == wanted[fact]


def test_a_text_at_night_leaves_in_the_morning_and_everything_is_checked_again(
    stage: Stage,
) -> None:
    stage.set_clock(22)
    ada, bob = stage.somebody(), stage.somebody()
    held, stopped = stage.text(ada), stage.text(bob)
    stage.work()

    row = stage.row(held)
    assert (row.status, row.held_reason) == ("queued", "quiet_hours")
    with stage.uow() as uow:
        suppress(uow, bob.address_id, "sms", "stop")
    stage.runtime.clock.advance(hours=9, minutes=50)
    assert stage.work() == 0
    stage.runtime.clock.advance(minutes=25)
    stage.work()
    assert stage.sent_to == [ada.phone]
    assert stage.row(stopped).reason == "suppressed"


def test_the_fourth_text_of_a_day_waits_for_the_next(stage: Stage) -> None:
    ada = stage.somebody()
    texts = [stage.text(ada) for _ in range(4)]
    stage.work()

    assert [stage.row(text).status for text in texts] == ["sent"] * 3 + ["queued"]
    assert stage.row(texts[3]).held_reason == "daily_cap"
    stage.runtime.clock.advance(hours=24)
    stage.work()
    assert stage.row(texts[3]).status == "sent"


def test_a_held_clinic_sends_nothing_until_it_is_released(stage: Stage) -> None:
    ada = stage.somebody()
    _hold(stage, True)
    text = stage.text(ada)
    stage.work()
    assert (stage.row(text).status, stage.row(text).held_reason) == ("queued", "hold")

    _hold(stage, False)
    with stage.uow() as uow:
        assert release_held(uow, "hold") == 1
    stage.work()
    assert stage.row(text).status == "sent"


def _hold(stage: Stage, is_holding: bool) -> None:
    with stage.uow() as uow:
        uow.session.execute(
            update(Clinic).where(col(Clinic.id) == stage.clinic).values(is_holding_sends=is_holding)
        )


def test_a_paused_account_holds_its_texts(stage: Stage) -> None:
    with stage.uow() as uow:
        [account] = uow.session.scalars(select(ChannelAccount))
        pause_account(uow, account.id, "30034")
    text = stage.text(stage.somebody())
    stage.work()
    assert stage.row(text).held_reason == "sender_paused"
    with stage.uow() as uow:
        assert resume_account(uow, account.id) == 1
    stage.work()
    assert stage.row(text).status == "sent"


def test_a_clinic_without_a_number_holds_its_texts(runtime: Runtime, clinic: UUID) -> None:
    stage = Stage(runtime, clinic)
    stage.set_clock(12)
    text = stage.text(stage.somebody())
    stage.work()
    assert (stage.row(text).status, stage.row(text).held_reason) == ("queued", "no_sender")


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
        assert void_texts(uow, "campaign", origins, "booked") == 1
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


@pytest.mark.parametrize(
    ("body", "is_cause", "status"),
    [("HELP", True, "queued"), ("Is Tuesday free?", False, "queued"), ("Hello?", True, "sent")],
)
def test_only_what_a_patients_own_words_led_to_may_answer_at_night(
    stage: Stage, body: str, is_cause: bool, status: str
) -> None:
    ada = stage.somebody()
    stage.set_clock(1, 58)
    with stage.uow() as uow:
        receive_text(uow, TextIn("+12125550100", ada.phone, body, "SM1", "twilio"))
    with stage.uow() as uow:
        asked = col(EventRow.name) == "text.received"
        event_id = uow.session.scalars(select(col(EventRow.id)).where(asked)).one()
    stage.runtime.clock.advance(minutes=7)
    text = stage.text(ada, cause=(event_id,) if is_cause else ())
    stage.work()
    row = stage.row(text)
    assert row.status == status
    assert row.held_reason == (None if status == "sent" else "quiet_hours")


def test_what_staff_write_leaves_at_night_and_first(stage: Stage) -> None:
    stage.set_clock(23)
    ada = stage.somebody(tier="none")
    with stage.uow() as uow:
        text = send_staff_text(uow, contact_id=ada.contact_id, body="We are open.", key="k1")
        again = send_staff_text(uow, contact_id=ada.contact_id, body="We are open.", key="k1")
    assert text == again
    assert stage.work() == 0
    assert stage.work(queue="urgent") == 1
    [message] = stage.channel.wire
    assert message.body.startswith("Riverside Dental: We are open.")
    assert stage.row(text).consent_id is None


def test_what_staff_wrote_an_hour_ago_is_said_no_more(stage: Stage) -> None:
    ada = stage.somebody()
    with stage.uow() as uow:
        text = send_staff_text(uow, contact_id=ada.contact_id, body="Come in now.", key="k1")
    stage.runtime.clock.advance(hours=1)
    stage.work(queue="urgent")
    assert (stage.row(text).status, stage.row(text).reason) == ("blocked", "no_longer_useful")
    assert stage.channel.wire == []


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


def test_one_clinics_texts_leave_from_its_own_number_only(stage: Stage, other_clinic: UUID) -> None:
    other = Stage(stage.runtime, other_clinic)
    stage.text(stage.somebody())
    text = other.text(other.somebody())
    stage.work()
    assert len(stage.channel.wire) == 1
    assert other.row(text).held_reason == "no_sender"
