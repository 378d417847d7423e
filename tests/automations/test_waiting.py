"""Waits hold, texts are not overtaken, and what was settled wakes whom it concerns."""

from typing import Any

import pytest
from sqlmodel import select

from automations.consumers import wake_settled
from automations.runner import Named, advance, advance_here
from automations.sequences import pause, resume
from automations.walking import LOOK_AGAIN
from crm.core.events import decode
from crm.core.uow import UnitOfWork
from crm.messaging.events import CommunicationSettled
from crm.messaging.models import Communication
from tests.automations.conftest import DAY, HOUR, MOVE, SEND, Practice, enrolled


def test_a_wait_is_not_cut_short_by_a_ring(practice: Practice) -> None:
    enrolled(practice, DAY, SEND)
    practice.work()
    [enrollment] = practice.enrollments()
    assert enrollment.due_at is not None

    practice.runtime.clock.advance(hours=20)
    assert practice.claim("enrollments") == []
    assert practice.texts() == []


def test_a_held_text_is_not_overtaken_by_the_next(practice: Practice) -> None:
    enrolled(practice, SEND, HOUR, SEND)

    for _ in range(20):
        practice.work()
        practice.runtime.clock.advance(minutes=30)
    assert len(practice.texts()) == 1

    practice.settle(practice.texts()[0])
    practice.work()
    assert len(practice.texts()) == 1
    practice.runtime.clock.advance(hours=1)
    practice.work()
    assert len(practice.texts()) == 2


@pytest.mark.parametrize("status", ["sent", "blocked", "failed", "voided"])
def test_whatever_became_of_a_text_the_sequence_goes_on(practice: Practice, status: str) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()

    practice.settle(practice.texts()[0], status)
    practice.work()

    [enrollment] = practice.enrollments()
    assert (enrollment.step, enrollment.awaits) == (2, None)


def test_a_settlement_that_nobody_told_of_is_seen_after_a_quarter_of_an_hour(
    practice: Practice,
) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()

    def settle_in_silence(uow: UnitOfWork) -> None:
        [text] = uow.session.scalars(select(Communication))
        text.status, text.due_at = "sent", None
        uow.session.flush()

    practice.do(settle_in_silence)
    practice.work()
    assert practice.enrollments()[0].step == 1
    practice.runtime.clock.advance(seconds=LOOK_AGAIN.total_seconds())
    practice.work()

    assert practice.enrollments()[0].step == 2


def test_only_who_waits_for_just_this_text_is_woken_and_twice_is_once(practice: Practice) -> None:
    enrolled(practice, SEND, DAY, SEND)
    practice.work()
    [text] = practice.texts()
    practice.settle(text)
    practice.work()
    [waiting] = practice.enrollments()
    [settled] = practice.told(CommunicationSettled)

    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))
    assert practice.enrollments() == [waiting]

    practice.runtime.clock.advance(days=1)
    practice.work()
    [awaiting] = practice.enrollments()
    assert awaiting.awaits == f"{awaiting.id}:2:2"
    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))
    assert practice.enrollments() == [awaiting]


@pytest.mark.parametrize("then", [SEND, MOVE])
def test_a_wait_that_began_since_somebody_was_picked_is_not_cut_short(
    practice: Practice, then: dict[str, Any]
) -> None:
    enrolled(practice, DAY, then)
    practice.work()
    [waiting] = practice.enrollments()

    picked = Named(waiting.id, waiting.contact_id, waiting.lead_id)
    practice.do(lambda uow: advance_here(uow, [picked]))

    assert practice.enrollments() == [waiting]


def test_what_staff_sent_wakes_nobody(practice: Practice) -> None:
    enrolled(practice, SEND)
    practice.work()
    [awaiting] = practice.enrollments()
    [text] = practice.texts()
    event = CommunicationSettled(
        order_key=text.address_id,
        communication_id=text.id,
        status="sent",
        origin_kind="user",
        origin_id=awaiting.id,
    )

    practice.do(lambda uow: wake_settled.run(uow, [event]))

    assert practice.enrollments() == [awaiting]


def test_a_settlement_during_a_lease_keeps_the_lease(practice: Practice) -> None:
    enrolled(practice, SEND, HOUR)
    practice.work()
    practice.runtime.clock.advance(seconds=LOOK_AGAIN.total_seconds())
    [claim] = practice.claim("enrollments")
    practice.settle(practice.texts()[0])
    [settled] = practice.told(CommunicationSettled)

    practice.do(lambda uow: wake_settled.run(uow, [decode(settled)]))

    [enrollment] = practice.enrollments()
    assert (enrollment.lease_token, enrollment.lease_until) == (claim.token, claim.until)
    advance(practice.runtime, claim)
    assert practice.enrollments()[0].step == 2


def test_who_is_in_a_paused_automation_stays_until_it_is_resumed(practice: Practice) -> None:
    enrolled(practice, HOUR, SEND)
    practice.work()
    [enrollment] = practice.enrollments()
    practice.do(pause, enrollment.automation_id)
    for _ in range(4):
        practice.runtime.clock.advance(hours=1)
        practice.work()
    assert practice.texts() == []
    assert practice.enrollments()[0].step == 1

    practice.do(resume, enrollment.automation_id)
    practice.runtime.clock.advance(minutes=5)
    practice.work()
    assert len(practice.texts()) == 1
