"""What the people in a sequence are sent soon, as the page before publishing tells it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from automations.forecast import Outlook, outlook
from crm.core.clock import Clock
from tests.automations.conftest import CREATED, DAY, HOUR, SEND, Practice

SOON = {"kind": "wait_for", "minutes": 30}
CLOSED = {"kind": "wait_until", "time": "10:00", "business_days": True}
ANSWERED = {"kind": "wait_for_event", "event": "replied", "minutes": 30}
IS_NEW = {"kind": "stage_is", "stage": "New"}


def told(practice: Practice, *steps: Any, people: int = 3) -> Outlook:
    automation = practice.publish("A", CREATED, *steps)
    for _ in range(people):
        practice.lead(practice.person())
    practice.work()
    looked: Outlook = practice.do(outlook, automation.id, {}, Decimal("0.01"))
    return looked


def be(practice: Practice, clock: Clock, wanted: str) -> None:
    clock.offset += datetime.fromisoformat(wanted) - practice.do(lambda uow: uow.now)


def counts(looked: Outlook) -> tuple[int, int]:
    return looked.hour.messages, looked.day.messages


def test_what_is_due_within_an_hour_and_within_a_day_is_counted(practice: Practice) -> None:
    assert counts(told(practice, SOON, SEND, SOON, SOON, SEND, DAY, SEND)) == (3, 6)


def test_days_off_and_what_is_asked_of_a_person_are_known(practice: Practice, clock: Clock) -> None:
    be(practice, clock, "2027-01-08T15:00:00+00:00")  # A Friday.
    looked = told(practice, HOUR, CLOSED, {**SEND, "when": [IS_NEW]})
    assert counts(looked) == (0, 0)
    be(practice, clock, "2027-01-10T16:00:00+00:00")
    automation_id = practice.enrollments("A")[0].automation_id
    assert counts(practice.do(outlook, automation_id, {}, None)) == (0, 3)


def test_who_waits_for_an_answer_goes_on_when_none_comes(practice: Practice) -> None:
    listen = {**ANSWERED, "happened": [], "timed_out": [SEND]}
    assert counts(told(practice, listen)) == (3, 3)
