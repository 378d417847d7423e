"""STOP against a batch in flight, 200 times: no send is claimed after its commit (LAW-5, G-7).

The database itself is the witness: a deferred trigger looks, as the last thing before the commit
that takes a text for the wire, whether its address is suppressed by then.
"""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlmodel import col, select

from crm.compliance.actions import NewConsent, record_consents, suppress
from crm.contacts.actions import Person, match_or_create
from crm.core.performing import claim_and_perform
from crm.core.principal import PATIENT, SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.messaging.models import Communication
from crm.messaging.receiving import TextIn, receive_text
from tests.messaging.stage import Somebody, Stage

SENDER = "+12125550100"
ROUNDS, PEOPLE = 10, 20
SENDERS, STOPPERS = 2, 4

WITNESS = """
CREATE TABLE taken_too_late (communication_id uuid NOT NULL);
CREATE TABLE taken (communication_id uuid NOT NULL);
GRANT INSERT ON taken_too_late, taken TO frontdesk_app;
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO taken VALUES (NEW.id);
    IF EXISTS (SELECT 1 FROM suppressions s WHERE s.clinic_id = NEW.clinic_id
               AND s.address_id = NEW.address_id AND s.lifted_at IS NULL) THEN
        INSERT INTO taken_too_late VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER witness AFTER UPDATE OF status ON communications
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.status = 'sending' AND OLD.status <> 'sending' AND NEW.message_class <> 'system')
    EXECUTE FUNCTION witness();
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A narrow window, so that a batch is taken in many small steps."""
    settings.in_flight = 4
    return settings


@pytest.fixture
def stage(runtime: Runtime, clinic: UUID) -> Stage:
    """A clinic at noon with a channel that accepts."""
    return Stage(runtime, clinic).open()


@pytest.fixture
def witness(owner_url: str, stage: Stage) -> Iterator[Engine]:
    """The trigger, and a way to ask what it saw."""
    engine = create_engine(owner_url)
    with engine.begin() as connection:
        connection.execute(text(WITNESS))
    yield engine
    engine.dispose()


def seen(witness: Engine, table: str) -> int:
    """Return how many texts the trigger saw."""
    with witness.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def newcomers(stage: Stage, first: int) -> list[Somebody]:
    """Let people agree to texts."""
    phones = [f"+1212555{first + number:04}" for number in range(PEOPLE)]
    people = [Person(name=f"Patient {phone[-4:]}", phone_e164=phone) for phone in phones]
    with stage.uow() as uow:
        known = match_or_create(uow, people)
        somebodies = [
            Somebody(each.contact_id, each.address_ids["phone"], phone)
            for each, phone in zip(known, phones, strict=True)
        ]
        record_consents(
            uow,
            [
                NewConsent(who.address_id, who.contact_id, "sms", "care", "express", "granted")
                for who in somebodies
            ],
        )
    return somebodies


def race(
    stage: Stage, people: Sequence[Somebody], texts: Sequence[UUID], dice: random.Random
) -> None:
    """Send to everybody while everybody says STOP."""
    starting = Barrier(SENDERS + STOPPERS)
    queue = list(people)
    dice.shuffle(queue)

    def send(number: int) -> None:
        starting.wait()
        claim_and_perform(stage.runtime, "communications", ids=texts[number::SENDERS])

    def stop(number: int) -> None:
        starting.wait()
        for who in queue[number::STOPPERS]:
            with stage.runtime.database.transaction(stage.clinic, PATIENT) as uow:
                receive_text(uow, TextIn(SENDER, who.phone, "STOP", f"SM{who.phone}", "twilio"))

    with ThreadPoolExecutor(SENDERS + STOPPERS) as threads:
        running = [threads.submit(send, number) for number in range(SENDERS)]
        running += [threads.submit(stop, number) for number in range(STOPPERS)]
        for each in running:
            each.result()


def test_no_send_is_claimed_after_the_commit_of_a_stop(stage: Stage, witness: Engine) -> None:
    dice = random.Random(20)
    for number in range(ROUNDS):
        people = newcomers(stage, 1000 + number * PEOPLE)
        with stage.uow() as uow:
            texts = [stage.text_in(uow, who) for who in people]
        race(stage, people, texts, dice)

    assert seen(witness, "taken_too_late") == 0
    with stage.runtime.database.transaction(stage.clinic, SYSTEM) as uow:
        rows = uow.session.scalars(
            select(Communication).where(col(Communication.direction) == "out")
        )
        automated, answers = [], []
        for row in rows:
            (answers if row.message_class == "system" else automated).append(row)
    # It was a race: many were quicker than their STOP, and many were not.
    outcomes = [row.status for row in automated]
    assert set(outcomes) <= {"sent", "voided", "blocked"}
    assert outcomes.count("sent") == seen(witness, "taken") == len(stage.channel.wire) > ROUNDS
    assert outcomes.count("voided") + outcomes.count("blocked") > ROUNDS
    assert len(answers) == ROUNDS * PEOPLE
    assert {row.last_error for row in automated} == {None}


def test_the_witness_sees_a_text_that_is_taken_too_late(stage: Stage, witness: Engine) -> None:
    [who, *_] = newcomers(stage, 1000)
    text_id = stage.text(who)
    with stage.runtime.database.transaction(stage.clinic, PATIENT) as uow:
        suppress(uow, who.address_id, "sms", "stop")
    with stage.uow() as uow:
        uow.get(Communication, text_id).status = "sending"
    assert seen(witness, "taken_too_late") == 1
