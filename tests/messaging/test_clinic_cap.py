"""A clinic sends so many automated texts a day and no more, whoever sends them (LAW-27)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlmodel import select

from crm.accounts.models import Clinic
from crm.core.performing import claim_and_perform
from crm.messaging.actions import send_staff_text
from crm.messaging.channels.base import Refused
from crm.messaging.models import Communication, SendDay
from tests.messaging.stage import NEW_YORK, Stage, accepted


@pytest.fixture(autouse=True)
def cap_of_five(stage: Stage) -> None:
    """Let the clinic send five texts a day."""
    _set_cap(stage, 5)


def _set_cap(stage: Stage, cap: int) -> None:
    with stage.uow() as uow:
        uow.session.get(Clinic, uow.clinic_id).clinic_daily_cap = cap


def _days(stage: Stage) -> list[tuple[int, bool]]:
    with stage.uow() as uow:
        rows = uow.session.scalars(select(SendDay).order_by(SendDay.day))
        return [(row.taken, row.reached_at is not None) for row in rows]


def _queued(stage: Stage) -> list[Communication]:
    with stage.uow() as uow:
        rows = uow.session.scalars(select(Communication))
        return [row for row in rows if row.status == "queued"]


def test_what_is_over_the_cap_waits_for_the_clinics_next_day_and_the_owner_is_told_once(
    stage: Stage,
) -> None:
    texts = [stage.text(stage.somebody()) for _ in range(8)]
    stage.work()
    assert len(stage.channel.wire) == 5
    held = _queued(stage)
    assert {row.held_reason for row in held} == {"clinic_daily_cap"}
    for row in held:
        assert row.due_at is not None
        until = row.due_at.astimezone(NEW_YORK)
        assert (until.hour, until.minute) == (0, 0)
        assert timedelta() < until - row.created_at < timedelta(days=1)
    stage.text(stage.somebody())
    stage.work()
    assert _days(stage) == [(5, True)]
    assert [event["cap"] for event in stage.events("clinic.daily_cap_reached")] == [5]

    stage.set_clock(12)
    stage.work()
    assert len(stage.channel.wire) == 9
    assert _days(stage) == [(5, True), (4, False)]
    assert {stage.row(text).status for text in texts} == {"sent"}


def test_people_are_not_held_back(stage: Stage) -> None:
    for _ in range(6):
        stage.text(stage.somebody())
    stage.work()
    with stage.uow() as uow:
        send_staff_text(uow, contact_id=stage.somebody().contact_id, body="Come in.", key="k")
    stage.work(queue="urgent")
    assert len(stage.channel.wire) == 6
    assert _days(stage) == [(5, True)]


def test_a_text_that_was_refused_for_now_counts_once(stage: Stage) -> None:
    stage.channel.answer = lambda message: Refused(message.attempt_id, "20429", "later")
    for _ in range(5):
        stage.text(stage.somebody())
    stage.work()
    assert _days(stage) == [(5, False)]
    stage.channel.answer = accepted
    stage.runtime.clock.advance(minutes=5)
    stage.work()
    assert len(stage.channel.wire) == 10
    assert _days(stage) == [(5, False)]


def test_a_higher_cap_lets_more_leave_the_same_day(stage: Stage) -> None:
    for _ in range(7):
        stage.text(stage.somebody())
    stage.work()
    _set_cap(stage, 6)
    stage.text(stage.somebody())
    stage.work()
    assert len(stage.channel.wire) == 6
    assert _days(stage) == [(6, True)]


def test_what_is_of_no_use_tomorrow_is_not_kept(stage: Stage) -> None:
    _set_cap(stage, 0)
    with stage.uow() as uow:
        soon = uow.now + timedelta(hours=3)
    text = stage.text(stage.somebody(), useful_until=soon)
    stage.work()
    assert (stage.row(text).status, stage.row(text).reason) == ("blocked", "clinic_daily_cap")


def test_several_who_take_at_once_keep_to_the_cap(stage: Stage) -> None:
    texts = [stage.text(stage.somebody()) for _ in range(12)]
    stage.runtime.clock.advance(seconds=6)
    starting = Barrier(4)

    def take_three(part: int) -> None:
        starting.wait()
        ids = texts[part * 3 : part * 3 + 3]
        claim_and_perform(stage.runtime, "communications", ids=ids)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(take_three, range(4)))
    assert len(stage.channel.wire) == 5
    assert len(_queued(stage)) == 7
    assert _days(stage) == [(5, True)]
