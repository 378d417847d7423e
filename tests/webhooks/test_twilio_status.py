"""Status callbacks: each kept, applied upwards, and proof of acceptance by their attempt id."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from crm.contacts.actions import Person, match_or_create
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.messaging.actions import OutboundText, queue_texts
from crm.messaging.models import Communication, ProviderStatus
from tests.webhooks.twilio_calls import NUMBER, PATIENT, SID, Twilio, calls

__all__ = ["calls"]


def status_fields(sid: str, status: str, **more: str) -> dict[str, str]:
    """Return the fields of a status callback."""
    fields = {"MessageSid": sid, "SmsSid": sid, "AccountSid": SID, "From": NUMBER, "To": PATIENT}
    return {**fields, "MessageStatus": status, "SmsStatus": status, **more}


def on_the_wire(
    calls: Twilio, status: str = "sending", sid: str | None = None
) -> tuple[UUID, UUID]:
    """Make a text that was taken; return its id and its attempt's."""
    attempt_id = uuid4()
    with calls.runtime.database.transaction(calls.clinic, SYSTEM) as uow:
        [person] = match_or_create(
            uow, [Person(name="Ana", phone_e164=PATIENT, email=None, language="en")]
        )
        text = OutboundText(person.contact_id, "care", "enrollment", new_id(), "key", body="Hi")
        text_id = queue_texts(uow, [text])["key"]
        uow.session.execute(
            update(Communication)
            .where(col(Communication.id) == text_id)
            .values(status=status, attempt_id=attempt_id, provider_id=sid, taken_at=uow.now)
        )
    return text_id, attempt_id


def status_of(calls: Twilio, text_id: UUID) -> str:
    """Return a text's status."""
    [text] = calls.rows(select(Communication).where(col(Communication.id) == text_id))
    return str(text.status)


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
def test_a_callback_with_the_attempt_id_proves_that_the_provider_has_the_text(
    calls: Twilio, status: str
) -> None:
    text_id, attempt_id = on_the_wire(calls, status)
    assert calls.call("status", status_fields("SM1", "sent"), query=f"a={attempt_id}") == 200
    [text] = calls.rows(select(Communication).where(col(Communication.id) == text_id))
    assert (text.status, text.provider_id) == ("sent", "SM1")
    [event] = calls.kept()
    assert (event.kind, event.external_id, event.outcome) == ("status", "SM1:sent:", "applied")


def test_statuses_only_rise_whatever_their_order(calls: Twilio) -> None:
    text_id, attempt_id = on_the_wire(calls)
    for status in ("delivered", "sent", "queued"):
        calls.call("status", status_fields("SM1", status), query=f"a={attempt_id}")
    assert status_of(calls, text_id) == "delivered"
    assert len(calls.rows(select(ProviderStatus))) == 3


def test_a_failure_brings_its_code(calls: Twilio) -> None:
    text_id, attempt_id = on_the_wire(calls, "sent", "SM1")
    fields = status_fields("SM1", "undelivered", ErrorCode="30003")
    assert calls.call("status", fields, query=f"a={attempt_id}") == 200
    [text] = calls.rows(select(Communication).where(col(Communication.id) == text_id))
    assert (text.status, text.error_code) == ("undelivered", "30003")


def test_a_copy_is_answered_alike_and_kept_once(calls: Twilio) -> None:
    _, attempt_id = on_the_wire(calls)
    for _ in range(3):
        assert calls.call("status", status_fields("SM1", "sent"), query=f"a={attempt_id}") == 200
    assert len(calls.kept()) == len(calls.rows(select(ProviderStatus))) == 1


def test_an_unknown_text_and_an_unknown_status_are_kept(calls: Twilio) -> None:
    assert calls.call("status", status_fields("SM-unknown", "delivered")) == 200
    assert calls.call("status", status_fields("SM-unknown", "teleported")) == 200
    assert [row.status for row in calls.rows(select(ProviderStatus).order_by("status"))] == [
        "delivered",
        "teleported",
    ]


def test_an_unknown_status_changes_no_text(calls: Twilio) -> None:
    text_id, attempt_id = on_the_wire(calls, "sent", "SM1")
    assert calls.call("status", status_fields("SM1", "teleported"), query=f"a={attempt_id}") == 200
    assert status_of(calls, text_id) == "sent"


@pytest.mark.parametrize("query", ["a=", "a=x", "a=1&a=2", "b=1", "a=%00", "a=%FF"])
def test_a_damaged_attempt_id_is_none(calls: Twilio, query: str) -> None:
    assert calls.call("status", status_fields("SM1", "sent"), query=query) == 200
    assert [row.attempt_id for row in calls.rows(select(ProviderStatus))] == [None]


def test_an_endless_status_is_kept_all_the_same(calls: Twilio) -> None:
    assert calls.call("status", status_fields("SM1", "x" * 5000)) == 200
    assert len(calls.kept()) == 1


def test_a_status_is_no_text_and_the_other_way_round(calls: Twilio) -> None:
    assert calls.call("status", {"AccountSid": SID}) == 200
    assert [event.outcome for event in calls.kept()] == ["unmatched"]
    assert calls.call("status", status_fields("SM1", "sent"), token="wrong") == 403
