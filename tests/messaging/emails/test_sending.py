"""Emails pass the queue, the gate and the record of texts, each at most once."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.accounts.models import Clinic, Door
from crm.compliance.actions import NewConsent, record_consents, suppress
from crm.contacts.actions import Person, match_or_create
from crm.core.runtime import Runtime
from crm.messaging.actions import OutboundText, add_sender, add_template, queue_texts
from crm.messaging.actions.connect_email import connect_sendgrid, save_postal_address
from crm.messaging.channels.base import Channels, NoAnswer, OutboundMessage, Refused
from crm.messaging.models import ChannelAccount, SendDay
from crm.messaging.queries import uncertain_texts
from crm.messaging.settling import StatusIn, apply_status
from crm.messaging.states import NEEDS_PERSON
from tests.messaging.stage import Somebody, Stage

FROM = "hi@clinic.example"


@pytest.fixture
def stage(runtime: Runtime, clinic: UUID) -> Stage:
    """The clinic at noon, with a number and an email address, and one channel for both."""
    made = Stage(runtime, clinic).open()
    runtime.channels = Channels(dict.fromkeys(("twilio", "sendgrid"), lambda account: made.channel))
    with made.uow() as uow:
        add_sender(uow, "sendgrid", FROM, channel="email")
    return made


def reader(stage: Stage, *agreed: str, name: str = "Ada Lopez") -> Somebody:
    """Return somebody with an email address who agreed to emails for these purposes."""
    stage.people += 1
    value = f"ada{stage.people}@patient.example"
    with stage.uow() as uow:
        person = Person(name=name, phone_e164=None, email=value, language="en")
        [matched] = match_or_create(uow, [person])
        address_id = matched.address_ids["email"]
        record_consents(
            uow,
            [
                NewConsent(
                    address_id=address_id,
                    contact_id=matched.contact_id,
                    channel="email",
                    purpose=purpose,  # type: ignore[arg-type]
                    tier="written" if purpose == "marketing" else "express",
                    action="granted",
                )
                for purpose in agreed
            ],
        )
    return Somebody(matched.contact_id, address_id, value)


def template(stage: Stage, message_class: str = "care", channel: str = "email") -> UUID:
    with stage.uow() as uow:
        subjects = {"en": "News from {{ clinic_name }}"} if channel == "email" else None
        words = {"en": "Hello {{ first_name }}.\n\nSee https://clinic.example/you"}
        made = add_template(uow, f"{message_class} {channel}", words, message_class, subjects)
        return made.id


def mail(stage: Stage, who: Somebody, template_id: UUID, **other: object) -> UUID:
    return stage.text(who, template_id=template_id, body=None, channel="email", **other)


def test_an_email_leaves_once_and_is_recorded_as_it_left(stage: Stage) -> None:
    ada = reader(stage, "care")
    email = mail(stage, ada, template(stage))
    assert stage.work() == 1
    assert stage.work() == 0

    [message] = stage.channel.wire
    row = stage.row(email)
    assert (message.to, message.sender, row.status) == (ada.phone, FROM, "sent")
    assert message.mail is not None
    assert message.mail.subject == "News from Riverside Dental"
    assert message.mail.from_name == "Riverside Dental"
    assert row.consent_id is not None
    with stage.uow() as uow:
        kept = [uow.decrypt(row.id, each) for each in (row.subject, row.body, row.html)]
        doors = uow.session.scalars(select(Door).where(col(Door.kind) == "unsubscribe")).all()
    assert kept == [message.mail.subject, message.body, message.mail.html]
    assert "Hello Ada." in message.body
    assert [door.ref_id for door in doors] == [email]
    url = message.mail.unsubscribe_url or ""
    assert url in message.body
    assert str(email) not in url
    assert ada.phone not in url


def test_law_1_care_needs_an_address_that_was_given_for_it_and_marketing_a_written_word(
    stage: Stage,
) -> None:
    with stage.uow() as uow:
        save_postal_address(uow, "1 Main St")
    care, offer = template(stage), template(stage, "marketing")
    nobody, asked, agreed = reader(stage), reader(stage, "care"), reader(stage, "marketing")
    rows = [
        mail(stage, who, which, message_class="care")
        for who in (nobody, asked, agreed)
        for which in (care, offer)
    ]
    stage.work()
    blocked, sent = ("blocked", "no_consent"), ("sent", None)
    assert [(stage.row(each).status, stage.row(each).reason) for each in rows] == [
        *(blocked, blocked, sent, blocked, blocked, sent)
    ]


def test_suppression_is_of_the_channel(stage: Stage) -> None:
    ada = reader(stage, "care")
    with stage.uow() as uow:
        suppress(uow, ada.address_id, "email", "unsubscribed")
    email = mail(stage, ada, template(stage))
    stage.work()
    assert stage.row(email).reason == "suppressed"
    assert stage.channel.wire == []


def test_law_40_marketing_waits_until_the_clinic_has_a_postal_address(stage: Stage) -> None:
    with stage.uow() as uow:
        save_postal_address(uow, "1 Main St")
    offer, ada = template(stage, "marketing"), reader(stage, "marketing")
    with stage.uow() as uow:
        save_postal_address(uow, "")
    email = mail(stage, ada, offer)
    stage.work()
    assert (stage.row(email).status, stage.row(email).held_reason) == (
        *("queued", "no_postal_address"),
    )
    with stage.uow() as uow:
        save_postal_address(uow, " 2 Oak St \n\n Springfield ")
    stage.work()
    assert stage.row(email).status == "sent"
    assert "2 Oak St\nSpringfield" in stage.channel.wire[0].body


def test_law_27_an_address_gets_three_a_day_and_the_brake_of_texts_counts_none(
    stage: Stage,
) -> None:
    ada, care = reader(stage, "care"), template(stage)
    emails = [mail(stage, ada, care) for _ in range(4)]
    for _ in emails:
        stage.work()
    assert [stage.row(each).held_reason for each in emails] == [None, None, None, "daily_cap"]
    with stage.uow() as uow:
        assert uow.session.scalars(select(SendDay)).all() == []


def test_an_email_leaves_at_night(stage: Stage) -> None:
    stage.set_clock(23, 30)
    email = mail(stage, reader(stage, "care"), template(stage))
    stage.work()
    assert stage.row(email).status == "sent"


def test_a_template_of_texts_says_nothing_by_email_nor_an_email_by_text(stage: Stage) -> None:
    ada, eva = reader(stage, "care"), stage.somebody()
    email = mail(stage, ada, template(stage, channel="sms"))
    text = stage.text(eva, template_id=template(stage), body=None)
    stage.work()
    assert [stage.row(each).reason for each in (email, text)] == ["no_words", "no_words"]
    assert stage.channel.wire == []


def test_an_email_needs_a_template_and_goes_to_an_email_address_only(stage: Stage) -> None:
    with pytest.raises(ValueError, match="template"):
        mail(stage, reader(stage, "care"), None)  # type: ignore[arg-type]
    eva = stage.somebody()
    with stage.uow() as uow:
        nowhere = OutboundText(
            contact_id=eva.contact_id,
            message_class="care",
            origin_kind="campaign",
            origin_id=None,
            dedupe_key="nowhere",
            template_id=template(stage),
            channel="email",
        )
        assert queue_texts(uow, [nowhere]) == {}
    wrong = mail(stage, eva, template(stage), address_id=eva.address_id)
    stage.work()
    assert stage.row(wrong).reason == "not_textable"


def test_texts_and_emails_of_one_chunk_leave_each_by_its_own_account(stage: Stage) -> None:
    ada, eva, care = reader(stage, "care"), stage.somebody(), template(stage)
    both = [mail(stage, ada, care), stage.text(eva), mail(stage, reader(stage, "care"), care)]
    stage.work()
    assert [stage.row(each).status for each in both] == ["sent"] * 3
    assert {message.mail is None for message in stage.channel.wire} == {True, False}


def no_answer(message: OutboundMessage) -> NoAnswer:
    return NoAnswer(message.attempt_id, "http_500")


def test_sg_4_without_an_answer_it_waits_for_its_event_and_then_for_a_person(stage: Stage) -> None:
    stage.channel.answer = no_answer
    stage.channel.has = lambda *asked: None
    care = template(stage)
    told, asked = mail(stage, reader(stage, "care"), care), mail(stage, reader(stage, "care"), care)
    stage.work()
    assert [stage.row(each).status for each in (told, asked)] == ["unconfirmed"] * 2
    with stage.uow() as uow:
        attempt = stage.row(told).attempt_id
        apply_status(uow, StatusIn("sg-1", "delivered", None, attempt))
    for _ in range(8):
        stage.runtime.clock.advance(minutes=3)
        stage.work("settlements")
        stage.work()
    assert stage.row(told).status == "delivered"
    assert (stage.row(asked).status, stage.row(asked).reason) == ("unconfirmed", NEEDS_PERSON)
    assert len(stage.channel.wire) == 2
    with stage.uow() as uow:
        assert [each.id for each in uncertain_texts(uow)] == [asked]


def test_a_refused_key_pauses_the_account_until_it_is_connected_again(stage: Stage) -> None:
    stage.channel.answer = lambda message: Refused(message.attempt_id, "401", "sender")
    email = mail(stage, reader(stage, "care"), template(stage))
    stage.work()
    assert stage.row(email).held_reason == "sender_paused"
    stage.channel.answer = Stage(stage.runtime, stage.clinic).channel.answer
    with stage.uow() as uow:
        account_id = connect_sendgrid(uow, "SG." + "x" * 40, FROM.upper())
        account = uow.get(ChannelAccount, account_id)
        assert (account.is_paused, account.version) == (False, 2)
        assert "xxxx" not in (account.credentials or "")
    stage.work()
    assert stage.row(email).status == "sent"


def test_what_is_over_before_it_could_leave_does_not(stage: Stage) -> None:
    ada, care = reader(stage, "care"), template(stage)
    with stage.uow() as uow:
        uow.session.get_one(Clinic, uow.clinic_id).is_holding_sends = True
        useful_until = uow.now + timedelta(minutes=10)
    email = mail(stage, ada, care, useful_until=useful_until)
    stage.work()
    stage.runtime.clock.advance(minutes=11)
    stage.work()
    assert stage.row(email).reason == "no_longer_useful"


def test_after_another_address_is_connected_emails_leave_from_it(stage: Stage) -> None:
    ada = reader(stage, "care")
    words = template(stage)
    mail(stage, ada, words)
    stage.work()
    with stage.uow() as uow:
        connect_sendgrid(uow, "SG." + "k" * 40, "new@clinic.example")
    mail(stage, ada, words)
    stage.work()
    assert [message.sender for message in stage.channel.wire] == [FROM, "new@clinic.example"]
