"""A stored call that failed, or was nobody's, is applied again: once, never past newer words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from crm.accounts.models import Role
from crm.compliance.models import Consent, Suppression
from crm.core.performing import claim_and_perform
from crm.messaging.models import Communication
from crm.privacy.queries import audit_entries
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.support.houses import House
from tests.webhooks.test_twilio_status import on_the_wire, status_fields, status_of
from tests.webhooks.twilio_calls import PATIENT, Twilio, calls, text_fields
from webhooks import twilio
from webhooks.twilio_call import Call

__all__ = ["app", "calls", "house", "other_house"]

PAGE = "/settings/work"


@contextmanager
def fault(name: str = "receive_text") -> Iterator[None]:
    """Let nothing of a kind be applied."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError(PATIENT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twilio, name, fails)
        yield


def work(calls: Twilio, *, minutes: float = 10) -> int:
    """Do what is due of stored calls, a while later."""
    calls.runtime.clock.advance(minutes=minutes)
    return claim_and_perform(calls.runtime, "webhooks")


def outcomes(calls: Twilio) -> list[str]:
    """Return what became of the stored calls."""
    return [event.outcome for event in calls.kept()]


def live(calls: Twilio) -> int:
    """Return how many addresses are suppressed."""
    return len(calls.rows(select(Suppression).where(col(Suppression.lifted_at).is_(None))))


def test_a_failed_text_is_applied_again_and_its_copies_change_nothing(calls: Twilio) -> None:
    fields = text_fields("Is Tuesday free?")
    with fault():
        assert calls.call("message", fields) == calls.call("message", fields) == 200
        assert work(calls) == 1
    [event] = calls.kept()
    assert (event.outcome, event.attempts) == ("failed", 2)
    assert event.last_error.startswith("ZeroDivisionError at ")
    assert calls.call("message", fields) == 200
    assert calls.texts() == []
    assert work(calls) == 1
    [event], [text] = calls.kept(), calls.texts()
    assert (event.outcome, event.ref_id, event.last_error) == ("applied", text.id, None)
    assert text.created_at == event.received_at
    assert work(calls) == 0
    assert calls.call("message", fields) == 200
    assert len(calls.texts()) == 1


def test_a_status_is_applied_again_with_the_attempt_it_was_about(calls: Twilio) -> None:
    text_id, attempt_id = on_the_wire(calls)
    with fault("apply_status"):
        fields = status_fields("SM1", "delivered")
        assert calls.call("status", fields, query=f"a={attempt_id}") == 200
    assert (outcomes(calls), status_of(calls, text_id)) == (["failed"], "sending")
    assert work(calls) == 1
    assert (outcomes(calls), status_of(calls, text_id)) == (["applied"], "delivered")


def test_a_stop_that_failed_is_among_the_texts_in_the_end(calls: Twilio) -> None:
    with fault():
        assert calls.call("message", text_fields("STOP")) == 200
    assert live(calls) == 1
    assert work(calls) == 1
    assert live(calls) == 1
    assert outcomes(calls) == ["applied"]
    assert [calls.words(text) for text in calls.texts()] == ["STOP"]


@pytest.mark.parametrize(
    ("first", "second", "is_on_list"), [("START", "STOP", 1), ("STOP", "START", 0)]
)
def test_what_was_said_last_counts(calls: Twilio, first: str, second: str, is_on_list: int) -> None:
    assert calls.call("message", text_fields("STOP")) == 200
    if first == "STOP":
        assert calls.call("message", text_fields("START")) == 200
    calls.runtime.clock.advance(seconds=1)
    with fault():
        assert calls.call("message", text_fields(first)) == 200
    calls.runtime.clock.advance(seconds=1)
    assert calls.call("message", text_fields(second)) == 200
    said = len(calls.rows(select(Consent)))
    assert work(calls) == 1
    assert live(calls) == is_on_list
    assert len(calls.rows(select(Consent))) == said
    assert {event.outcome for event in calls.kept()} == {"applied"}


def test_a_help_that_is_read_late_is_not_answered(calls: Twilio) -> None:
    with fault():
        assert calls.call("message", text_fields("HELP")) == 200
    assert work(calls) == 1
    assert len(calls.texts()) == 1
    answers = calls.rows(select(Communication).where(col(Communication.origin_kind) == "keyword"))
    assert answers == []


def retry(house: House, event_id: UUID, role: Role = "manager", button: str = "retry") -> int:
    """Press *Retry*, or *Dismiss*, on the page of late work; return the answer's status."""
    path = f"{PAGE}/webhooks/{event_id}/{button}"
    return int(house.signed_in(role).submit("/pipeline", path).status_code)


def test_what_fails_for_good_is_shown_without_its_words_and_retried_by_a_person(
    house: House, other_house: House, calls: Twilio, drain: Drain
) -> None:
    with fault():
        assert calls.call("message", text_fields("My molar hurts")) == 200
        for _ in range(house.runtime.settings.work_attempts):
            work(calls)
    [event] = calls.kept()
    assert event.dead_at is not None
    page = house.page(PAGE, "owner")
    assert "<code>twilio message</code>" in page
    assert "ZeroDivisionError at " in page
    assert "molar" not in page
    assert PATIENT not in page
    assert retry(house, event.id, "front_desk") == retry(house, event.id, "marketer") == 403
    assert retry(other_house, event.id, "owner") == retry(other_house, uuid4(), "owner") == 404
    drain()
    assert calls.texts() == []
    assert retry(house, event.id) == 303
    assert retry(house, event.id) == 404
    drain()
    assert outcomes(calls) == ["applied"]
    assert [calls.words(text) for text in calls.texts()] == ["My molar hurts"]
    assert "twilio message" not in house.page(PAGE, "owner")


def test_what_is_nobodys_is_shown_and_taken_in_once_the_number_is_connected(
    house: House, calls: Twilio, drain: Drain
) -> None:
    number = "+12125550199"
    assert calls.call("message", text_fields("STOP", To=number)) == 200
    [event] = calls.kept()
    assert (event.outcome, event.due_at) == ("unmatched", None)
    assert "<code>unmatched</code>" in house.page(PAGE, "manager")
    assert retry(house, event.id) == 303
    drain()
    assert outcomes(calls) == ["unmatched"]
    assert "<code>unmatched</code>" in house.page(PAGE, "manager")
    calls.connect(number=number)
    assert retry(house, event.id) == 303
    drain()
    assert outcomes(calls) == ["applied"]
    assert live(calls) == 1


def dismiss(house: House, event_id: UUID, role: Role = "manager") -> int:
    """Press *Dismiss*; return the answer's status."""
    return retry(house, event_id, role, "dismiss")


def test_a_person_dismisses_what_is_of_no_use_and_the_call_is_kept(
    house: House, other_house: House, calls: Twilio, drain: Drain
) -> None:
    fields = text_fields("Hello", To="+12125550199")
    assert calls.call("message", fields) == 200
    [event] = calls.kept()
    assert f"/webhooks/{event.id}/dismiss" in house.page(PAGE, "owner")
    assert dismiss(house, event.id, "front_desk") == dismiss(house, event.id, "provider") == 403
    assert dismiss(other_house, event.id, "owner") == dismiss(other_house, uuid4(), "owner") == 404
    assert outcomes(calls) == ["unmatched"]
    assert dismiss(house, event.id) == 303
    assert dismiss(house, event.id) == retry(house, event.id) == 404
    assert "<code>twilio message</code>" not in house.page(PAGE, "owner")
    # A copy that the provider brings later does not bring it back.
    assert calls.call("message", fields) == 200
    drain()
    [kept] = calls.kept()
    assert (kept.outcome, kept.last_error, kept.dead_at) == ("dismissed", "unmatched", None)
    assert kept.body == event.body
    [entry] = house.do(lambda uow: audit_entries(uow, actions=["work.dismissed"]))
    assert (entry.principal_kind, entry.object_id) == ("user", event.id)
    assert entry.principal_id is not None


def test_what_failed_for_a_fault_of_ours_is_tried_again_and_never_dismissed(
    house: House, calls: Twilio, drain: Drain
) -> None:
    with fault():
        assert calls.call("message", text_fields("STOP")) == 200
        for _ in range(house.runtime.settings.work_attempts):
            work(calls)
    [event] = calls.kept()
    assert event.dead_at is not None
    assert f"/webhooks/{event.id}/retry" in house.page(PAGE, "owner")
    assert f"/webhooks/{event.id}/dismiss" not in house.page(PAGE, "owner")
    assert dismiss(house, event.id, "owner") == 404
    assert retry(house, event.id) == 303
    drain()
    assert live(calls) == 1


def test_what_still_waits_cannot_be_dismissed(house: House, calls: Twilio) -> None:
    with fault():
        assert calls.call("message", text_fields("Hello")) == 200
    [event] = calls.kept()
    assert event.due_at is not None
    assert dismiss(house, event.id) == 404
    assert work(calls) == 1
    assert outcomes(calls) == ["applied"]


def test_a_form_and_a_json_call_are_read_again_as_they_were() -> None:
    now = datetime(2027, 2, 2, tzinfo=UTC)
    for raw in (b' {"AccountSid": "AC1", "To": "x"}', b"AccountSid=AC1&To=x"):
        call = Call.again(raw, "a=1", now)
        assert (call.field("AccountSid"), call.field("To"), call.query) == ("AC1", "x", "a=1")
