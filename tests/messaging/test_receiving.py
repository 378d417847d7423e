"""What a patient texts: kept once, known whose it is, and heeded at once where it is a keyword."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.compliance.models import Consent, Suppression
from crm.contacts.actions import Person, match_or_create
from crm.contacts.models import Address, Contact
from crm.core.clock import Clock
from crm.core.errors import NotFound
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.principal import PATIENT, SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import OutboundText, add_sender, queue_texts
from crm.messaging.models import Communication, Conversation
from crm.messaging.receiving import TextIn, receive_text

SENDER, PHONE = "+12125550100", "+12125550142"
Result = TypeVar("Result")


@dataclass
class Phone:
    """A patient's phone, and what the clinic holds of it; each call is a transaction."""

    runtime: Runtime
    clinic: UUID

    def do(self, action: Callable[[UnitOfWork], Result], who: Any = SYSTEM) -> Result:
        """Run an action in a transaction."""
        with self.runtime.database.transaction(self.clinic, who) as uow:
            return action(uow)

    def says(self, body: str, sid: str | None = None, **more: Any) -> UUID:
        """Text the clinic; return the communication's id."""
        values = {"from_e164": PHONE, "sender_value": SENDER, "provider": "twilio", **more}
        text = TextIn(body=body, provider_id=sid or f"SM{uuid4().hex}", **values)
        return self.do(lambda uow: receive_text(uow, text), PATIENT)

    def all(self, statement: Any) -> list[Any]:
        """Return the rows of a statement."""
        return self.do(lambda uow: list(uow.session.scalars(statement)))

    def answers(self) -> list[str]:
        """Return the words of our automatic answers, the oldest first."""
        keyword = col(Communication.origin_kind) == "keyword"
        statement = select(Communication).where(keyword).order_by(col(Communication.id))
        return self.do(
            lambda uow: [uow.decrypt(t.id, t.body or "") for t in uow.session.scalars(statement)]
        )

    def person(self, name: str = "Ana Ruiz", phone: str = PHONE, language: str = "en") -> UUID:
        """Know somebody by a phone; return the contact's id."""
        person = Person(name=name, phone_e164=phone, email=None, language=language)
        return self.do(lambda uow: match_or_create(uow, [person])[0].contact_id)

    def queued(self, contact_id: UUID, message_class: str = "care", **more: Any) -> UUID:
        """Queue a text to somebody; return its id."""
        origin = {"staff": "user", "system": "keyword"}.get(message_class, "enrollment")
        key = str(uuid4())
        text = OutboundText(
            contact_id=contact_id,
            message_class=message_class,
            origin_kind=origin,
            origin_id=new_id(),
            dedupe_key=key,
            body="Hello from the clinic",
            **more,
        )
        return self.do(lambda uow: queue_texts(uow, [text])[key])

    def text(self, text_id: UUID) -> Communication:
        """Return a communication."""
        return self.do(lambda uow: uow.get(Communication, text_id))

    def is_suppressed(self) -> bool:
        """Whether the phone is on the suppression list now."""
        return bool(self.all(select(Suppression).where(col(Suppression.lifted_at).is_(None))))

    def events(self, name: str) -> list[EventRow]:
        """Return the events of a name."""
        return self.all(select(EventRow).where(col(EventRow.name) == name).order_by("seq"))


@pytest.fixture
def phone(runtime: Runtime, clinic: UUID) -> Phone:
    """A phone whose clinic texts from one number."""
    phone = Phone(runtime, clinic)
    phone.do(lambda uow: add_sender(uow, "sandbox", SENDER))
    return phone


def test_a_text_is_kept_encrypted_in_its_conversation_and_told(phone: Phone) -> None:
    contact_id = phone.person()
    text_id = phone.says("I'd like Tuesday", "SM1")
    text = phone.text(text_id)
    [conversation] = phone.all(select(Conversation))
    assert (text.direction, text.status, text.provider_id) == ("in", "received", "SM1")
    assert (text.contact_id, text.conversation_id) == (contact_id, conversation.id)
    assert "Tuesday" not in (text.body or "")
    assert phone.do(lambda uow: uow.decrypt(text.id, text.body or "")) == "I'd like Tuesday"
    assert conversation.last_in_at == text.created_at
    [event] = phone.events("text.received")
    assert (event.order_key, event.contact_id) == (text.address_id, contact_id)
    assert event.payload["keyword"] is None
    assert event.principal_kind == "patient"
    assert phone.answers() == []


def test_twenty_copies_at_once_are_one_text(phone: Phone) -> None:
    phone.says("hello")  # The address exists; the copies below still meet on it.
    starting = Barrier(7)

    def copy(_: int) -> UUID:
        starting.wait()
        return phone.says("HELP", "SM-one")

    with ThreadPoolExecutor(7) as threads:
        ids = set(threads.map(copy, range(21)))
    assert len(ids) == 1
    assert (
        len(phone.all(select(Communication.id).where(col(Communication.provider_id) == "SM-one")))
        == 1
    )
    assert len(phone.events("text.received")) == 2
    assert len(phone.answers()) == 1


def test_a_text_from_nobody_we_know_is_kept_all_the_same(phone: Phone) -> None:
    text = phone.text(phone.says("Who are you?"))
    assert (text.contact_id, text.lead_id) == (None, None)
    assert [row.value for row in phone.all(select(Address))] == [PHONE]


def test_a_number_that_is_not_ours_is_refused(phone: Phone) -> None:
    with pytest.raises(NotFound):
        phone.says("hello", sender_value="+12125550199")
    assert phone.all(select(Address)) == []


def test_a_text_belongs_to_the_lead_that_we_texted_there_last(phone: Phone) -> None:
    contact_id, lead_id = phone.person(), new_id()
    phone.queued(contact_id, lead_id=new_id())
    phone.queued(contact_id, lead_id=lead_id)
    phone.queued(contact_id)
    text = phone.text(phone.says("yes"))
    assert (text.contact_id, text.lead_id) == (contact_id, lead_id)
    [event] = phone.events("text.received")
    assert event.lead_id == lead_id


def test_a_text_from_a_shared_phone_belongs_to_whom_we_texted(phone: Phone) -> None:
    phone.person("Ana Ruiz")
    second = phone.person("Bernard Quist")
    assert phone.text(phone.says("hello")).contact_id is None
    phone.queued(second)
    assert phone.text(phone.says("hello again")).contact_id == second


def test_a_text_belongs_to_the_contact_that_a_merge_left(phone: Phone) -> None:
    first, second = phone.person(), phone.person("Ana R", "+12125550143")
    merge = update(Contact).where(col(Contact.id) == first).values(merged_into_id=second)
    phone.do(lambda uow: uow.session.execute(merge))
    assert phone.text(phone.says("hello")).contact_id == second


@pytest.mark.parametrize(
    "words", ["STOP", "stop.", "Please stop texting me", "ALTO", "Unsubscribe"]
)
def test_a_stop_suppresses_revokes_voids_and_is_confirmed_once(phone: Phone, words: str) -> None:
    contact_id = phone.person()
    waiting = phone.queued(contact_id)
    by_staff = phone.queued(contact_id, "staff")
    text_id = phone.says(words)
    assert phone.is_suppressed()
    assert [phone.text(each).status for each in (waiting, by_staff)] == ["voided", "voided"]
    assert phone.text(waiting).reason == "suppressed"
    assert phone.text(waiting).due_at is None
    [settled, _] = phone.events("communication.settled")
    assert settled.payload["status"] == "voided"
    consents = phone.all(select(Consent).order_by(col(Consent.purpose)))
    assert [(c.purpose, c.action, c.tier) for c in consents] == [
        ("care", "revoked", "none"),
        ("marketing", "revoked", "none"),
    ]
    evidence = phone.do(lambda uow: uow.decrypt(consents[0].id, consents[0].evidence or ""))
    assert words in evidence
    assert str(text_id) in evidence
    assert "matcher" in evidence
    [answer] = phone.answers()
    confirmed = "No recibirá más" if words == "ALTO" else "You will get no more texts"
    assert answer.startswith(f"Riverside Dental: {confirmed}")
    assert phone.events("text.received")[0].payload["keyword"] == "stop"
    assert len(phone.events("address.suppressed")) == 1


def test_the_confirmation_is_exempt_useful_for_five_minutes_and_from_the_same_number(
    phone: Phone,
) -> None:
    phone.do(lambda uow: add_sender(uow, "sandbox", "+12125550111"))  # the newer default
    text = phone.text(phone.says("STOP"))
    [answer] = phone.all(select(Communication).where(col(Communication.direction) == "out"))
    assert (answer.message_class, answer.origin_kind, answer.origin_id) == (
        "system",
        "keyword",
        text.id,
    )
    assert answer.useful_until is not None
    assert (answer.useful_until - answer.created_at).total_seconds() == 300
    assert (answer.sender_id, answer.conversation_id) == (text.sender_id, text.conversation_id)
    assert answer.queue == "urgent"


def test_a_repeated_stop_is_on_record_and_not_confirmed_again(phone: Phone) -> None:
    phone.says("STOP")
    phone.says("STOP!!")
    assert len(phone.answers()) == 1
    assert len(phone.all(select(Consent))) == 4
    assert len(phone.all(select(Suppression))) == 1


def test_a_confirmation_that_waits_is_not_voided_by_the_next_stop(phone: Phone) -> None:
    phone.says("STOP")
    phone.says("stop it")
    [answer] = phone.all(select(Communication).where(col(Communication.direction) == "out"))
    assert answer.status == "queued"


def test_what_is_on_the_wire_is_left_to_settle(phone: Phone) -> None:
    text_id = phone.queued(phone.person())
    on_wire = update(Communication).where(col(Communication.id) == text_id).values(status="sending")
    phone.do(lambda uow: uow.session.execute(on_wire))
    phone.says("STOP")
    assert phone.text(text_id).status == "sending"


def test_a_stop_leaves_other_peoples_texts(phone: Phone) -> None:
    other = phone.queued(phone.person("Bea Ott", "+12125550177"))
    phone.says("STOP")
    assert phone.text(other).status == "queued"


def test_start_lifts_with_express_consent_for_care_only(phone: Phone) -> None:
    phone.says("STOP")
    text_id = phone.says("start")
    assert not phone.is_suppressed()
    granted = phone.all(select(Consent).where(col(Consent.action) == "granted"))
    assert [(c.purpose, c.tier, c.source) for c in granted] == [("care", "express", "text")]
    [lifted] = phone.all(select(Suppression))
    assert lifted.lifted_by_communication_id == text_id
    assert "You will get our texts again" in phone.answers()[-1]


def test_a_start_of_somebody_who_never_stopped_changes_nothing(phone: Phone) -> None:
    phone.says("START")
    assert phone.all(select(Consent)) == []
    assert phone.answers() == []


@pytest.mark.parametrize("opt_out", [None, "START"])
@pytest.mark.parametrize("words", ["YES", "yes!", "Sí"])
def test_yes_never_lifts_an_opt_out(phone: Phone, words: str, opt_out: str | None) -> None:
    phone.says("STOP")
    phone.says(words, opt_out=opt_out)
    assert phone.is_suppressed()


def test_help_is_answered_with_the_clinic_its_phone_and_stop_also_after_a_stop(
    phone: Phone,
) -> None:
    number = update(Clinic).values(phone="+12125550123")
    with phone.runtime.database.system() as system:
        system.session.execute(number)
    phone.says("STOP")
    phone.says("HELP")
    answer = phone.answers()[-1]
    assert "Riverside Dental" in answer
    assert "(212) 555-0123" in answer
    assert "STOP" in answer
    assert phone.is_suppressed()


def test_answers_are_in_the_contacts_language_else_the_clinics(phone: Phone) -> None:
    with phone.runtime.database.system() as system:
        system.session.execute(update(Clinic).values(language="es"))
    phone.says("AYUDA")
    phone.person(language="en")
    phone.says("HELP")
    spanish, english = phone.answers()
    assert "ayuda" in spanish.lower()
    assert "For help" in english


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("AYUDA", "Para ayuda"),
        ("ALTO", "No recibirá más"),
        ("Por favor no me escriban más", "No recibirá más"),
        ("HELP", "For help"),
        ("STOP", "You will get no more"),
    ],
)
def test_a_keyword_is_answered_in_its_own_language(phone: Phone, words: str, begins: str) -> None:
    phone.person(language="en")
    phone.says(words)
    [answer] = phone.answers()
    assert begins in answer


@pytest.mark.parametrize(("opt_out", "stopped"), [("STOP", True), ("HELP", False), ("stop", True)])
def test_what_the_provider_answered_is_not_answered_again(
    phone: Phone, opt_out: str, stopped: bool
) -> None:
    phone.says("a keyword of their own", opt_out=opt_out)
    assert phone.is_suppressed() is stopped
    assert phone.answers() == []


def test_a_start_that_the_provider_recognised_lifts(phone: Phone) -> None:
    phone.says("STOP", opt_out="STOP")
    phone.says("join", opt_out="START")
    assert not phone.is_suppressed()
    assert phone.answers() == []


@pytest.mark.parametrize("machine", ["12345", "RIVERSIDE", "whatsapp:+12125550142", "rcs:clinic"])
def test_machines_and_other_media_are_heeded_and_never_answered(phone: Phone, machine: str) -> None:
    phone.says("HELP", from_e164=machine)
    phone.says("STOP", from_e164=machine)
    assert phone.is_suppressed()
    assert phone.answers() == []


def test_three_answers_an_hour_and_no_more_tw17(phone: Phone, clock: Clock) -> None:
    for _ in range(3):
        for words in ("HELP", "STOP", "START"):
            phone.says(words)
    assert len(phone.answers()) == 3
    clock.advance(hours=1, minutes=1)
    phone.says("HELP")
    assert len(phone.answers()) == 4


@pytest.mark.parametrize(
    "before", [(), ("HELP",), ("HELP", "INFO", "HELP"), ("STOP", "START", "HELP", "HELP")]
)
def test_a_start_after_a_stop_is_confirmed_whatever_was_answered_before_tw17_law31(
    phone: Phone, before: tuple[str, ...]
) -> None:
    for words in before:
        phone.says(words)
    phone.says("STOP")
    told = len(phone.answers())
    phone.says("START")
    assert not phone.is_suppressed()
    assert len(phone.answers()) == told + 1
    assert "You will get our texts again" in phone.answers()[-1]


def test_our_own_last_text_is_not_answered(phone: Phone) -> None:
    phone.says("HELP")
    [answer] = phone.answers()
    phone.says(answer)
    assert len(phone.answers()) == 1


def test_a_text_rolls_back_with_its_keyword(phone: Phone) -> None:
    def die(uow: UnitOfWork) -> None:
        receive_text(uow, TextIn(SENDER, PHONE, "STOP", "SM9", "twilio"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        phone.do(die)
    assert not phone.is_suppressed()
    assert phone.all(select(Communication.id)) == []
