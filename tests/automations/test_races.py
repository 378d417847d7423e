"""Two at once: an end against a pass, opposite orders of locks, the same event twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import text as sql

from automations.consumers import follow_leads, follow_replies
from automations.enrollments import end_each, end_enrollments
from automations.flushing import flush
from automations.runner import advance
from automations.sequences import load_automation
from crm.core.events import decode
from crm.core.principal import SYSTEM
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.events import LeadCreated
from tests.automations.conftest import CREATED, MOVE, PHONE, SEND, Practice, address, text_from
from tests.fakes.waiting import until


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[None]]]:
    """Run something in another thread; the test waits for its end."""
    pool = ThreadPoolExecutor(4)
    yield pool.submit
    pool.shutdown()


def blocked(practice: Practice) -> bool:
    """Whether somebody waits for a lock."""
    with practice.runtime.database.engine.connect() as connection:
        waiting = connection.scalar(
            sql(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            )
        )
    return bool(waiting)


def test_a_pass_that_waits_for_an_end_sends_nothing_to_who_was_ended(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.enter(people=3)
    [claim] = practice.claim("enrollments")

    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        end_enrollments(uow, claim.ids[:1], "replied")
        running = aside(advance, practice.runtime, claim)
        until(lambda: blocked(practice))
    running.result(timeout=20)

    assert [one.exit_reason for one in practice.enrollments()] == ["replied", None, None]
    assert {text.origin_id for text in practice.texts()} == set(claim.ids[1:])


def test_an_end_that_waits_for_a_pass_voids_what_the_pass_queued(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.enter(people=2)
    [claim] = practice.claim("enrollments")
    ending: list[Future[None]] = []

    def flush_while_ended(uow: UnitOfWork, *rest: object) -> None:
        flush(uow, *rest)  # type: ignore[arg-type]
        ending.append(aside(practice.do, end_enrollments, claim.ids, "replied"))
        until(lambda: blocked(practice))

    advance(practice.runtime, claim, flush_while_ended)
    ending[0].result(timeout=20)

    assert [one.state for one in practice.enrollments()] == ["ended", "ended"]
    assert [text.status for text in practice.texts()] == ["voided", "voided"]


def test_the_same_event_consumed_by_two_at_once_enrolls_once(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.publish("again", CREATED, SEND, reentry="restart")
    practice.lead(practice.person())
    [row] = practice.told(LeadCreated)

    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        follow_leads.run(uow, [decode(row)])
        second = aside(practice.do, lambda uow: follow_leads.run(uow, [decode(row)]))
        until(lambda: blocked(practice))
    second.result(timeout=20)

    assert [one.state for one in practice.enrollments()] == ["live", "live"]


def test_ends_for_several_reasons_lock_their_leads_in_one_order(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, SEND)
    practice.enter(people=2)
    first, second = sorted(practice.enrollments(), key=lambda one: one.lead_id or one.id)
    locking = sql("SELECT id FROM leads WHERE id = :id FOR UPDATE")
    free = sql("SELECT id FROM leads WHERE id = :id FOR UPDATE SKIP LOCKED")
    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        uow.session.execute(locking, {"id": first.lead_id})
        # By the order of their reasons the second lead would be locked first.
        ending = aside(practice.do, end_each, {first.id: "won", second.id: "booked"})
        until(lambda: blocked(practice))
        assert uow.session.scalar(free, {"id": second.lead_id}) == second.lead_id
    ending.result(timeout=20)
    ended = {one.id: (one.state, one.exit_reason) for one in practice.enrollments()}
    assert ended == {first.id: ("ended", "won"), second.id: ("ended", "booked")}


def test_passes_and_moves_in_opposite_order_do_not_deadlock(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, MOVE, SEND, exits=["booked"])
    practice.publish("B", {"kind": "stage_entered"}, MOVE, SEND, exits=["stage_changed"])
    practice.enter(people=12)
    leads = [one.lead_id for one in practice.enrollments("A")]

    def book_all() -> None:
        for lead_id in reversed(leads):
            assert lead_id is not None
            practice.move(lead_id, "Booked")

    booking = aside(book_all)
    practice.work()
    booking.result(timeout=60)
    practice.work()

    assert {one.exit_reason for one in practice.enrollments("A")} == {"booked"}
    assert all(one.attempts == 0 for one in practice.enrollments())
    live = [one for one in practice.enrollments() if one.state == "live"]
    waiting = {text.origin_id for text in practice.texts() if text.status == "queued"}
    assert waiting <= {one.id for one in live}


def test_two_who_publish_the_same_name_take_turns(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    definition = {"name": "A", "trigger": CREATED, "steps": [SEND]}

    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        first = load_automation(uow, definition)
        second = aside(practice.do, load_automation, definition)
        until(lambda: blocked(practice))

    assert second.result(timeout=20).version_id == first.version_id  # type: ignore[attr-defined]


def test_a_late_lead_and_the_reply_that_ends_it_wait_for_each_other_in_one_order(
    practice: Practice, aside: Callable[..., Future[None]]
) -> None:
    practice.publish("A", CREATED, SEND, exits=["replied"])
    contact = practice.person(PHONE)
    practice.lead(contact)
    practice.emit(text_from(address(practice)))
    [created], [received] = practice.told(LeadCreated), practice.told(TextReceived)

    contacts = sql("SELECT id FROM contacts WHERE id = :id FOR NO KEY UPDATE")
    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        uow.session.execute(contacts, {"id": contact})
        late = aside(practice.do, lambda uow: follow_leads.run(uow, [decode(created)]))
        until(lambda: blocked(practice) or late.done())
        follow_replies.run(uow, [decode(received)])
    late.result(timeout=20)

    assert [one.exit_reason for one in practice.enrollments()] == ["replied"]
