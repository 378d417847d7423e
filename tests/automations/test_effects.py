"""What steps do beside texts and moves: each once, for a whole chunk, and fair to everybody."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from automations.by_hand import start as start_by_hand
from automations.definitions import InvalidDefinition, parse
from automations.events import EnrollmentRefused, StartRequested
from automations.flushing import flush
from automations.models import Automation, SequenceVersion
from automations.runner import advance
from automations.subjects import Subject
from crm.accounts.models import Membership, User
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from pipelines.lead.actions import tag_lead
from pipelines.lead.events import LeadDetailChanged, LeadTagged, LeadUntagged
from pipelines.lead.models import LeadTag, Tag
from pipelines.models import Lead
from pipelines.tasks.actions import finish_tasks
from pipelines.tasks.models import Task
from tests.automations.conftest import (
    CREATED,
    HOUR,
    PHONE,
    SEND,
    Practice,
    enrolled,
    outcomes,
)
from tests.automations.test_each_other import NOBODYS, start
from tests.automations.test_races import blocked
from tests.fakes.waiting import until

NEW_YORK = ZoneInfo("America/New_York")


def colleague(practice: Practice, name: str = "Dana") -> UUID:
    """Add somebody who works in the clinic; return the id."""

    def add(uow: UnitOfWork) -> UUID:
        user = User(email=f"{uuid4()}@clinic.example", name=name, created_at=uow.now)
        uow.add(user)
        uow.add(Membership(user_id=user.id, role="front_desk", created_at=uow.now))
        return user.id

    return UUID(str(practice.do(add)))


def leave(practice: Practice, user_id: UUID) -> None:
    practice.do(
        lambda uow: uow.session.execute(
            update(Membership).where(col(Membership.user_id) == user_id).values(ended_at=uow.now)
        )
    )


def own(practice: Practice, lead_id: UUID, user_id: UUID) -> None:
    practice.do(lambda uow: setattr(uow.get(Lead, lead_id), "owner_id", user_id))


def rows(practice: Practice, model: Any) -> list[Any]:
    return list(practice.do(lambda uow: uow.session.scalars(select(model)).all()))


def owners(practice: Practice) -> Counter[UUID]:
    return Counter(lead.owner_id for lead in rows(practice, Lead))


def task(whom: object = "owner", **more: Any) -> dict[str, Any]:
    return {"kind": "create_task", "title": "Call them", "for": str(whom), **more}


def test_a_task_is_set_for_whom_it_names_and_once(practice: Practice) -> None:
    dana = colleague(practice)
    enrolled(practice, task(dana, due_in_days=2), HOUR, people=3)
    practice.work()

    tasks = rows(practice, Task)
    assert len(tasks) == 3
    assert {one.assignee_id for one in tasks} == {dana}
    one = tasks[0]
    assert practice.do(lambda uow: uow.decrypt(one.id, one.title)) == "Call them"
    due = one.due_at.astimezone(NEW_YORK)
    today = one.created_at.astimezone(NEW_YORK).date()
    assert (due.date(), due.hour, one.is_all_day) == (today + timedelta(days=2), 23, True)
    assert one.lead_id in {lead.id for lead in rows(practice, Lead)}


def test_a_task_for_the_owner_needs_one_who_works_here(practice: Practice) -> None:
    dana, gone = colleague(practice), colleague(practice)
    leave(practice, gone)
    practice.publish("A", CREATED, {"kind": "wait_for", "minutes": 5}, task(), HOUR)
    leads = [practice.lead(practice.person()) for _ in range(3)]
    practice.work()
    own(practice, leads[0], dana)
    own(practice, leads[1], gone)
    practice.runtime.clock.advance(minutes=6)
    practice.work()

    assert [(one.assignee_id, one.lead_id) for one in rows(practice, Task)] == [(dana, leads[0])]
    done = [one for one in outcomes(practice.step_runs()) if one[0] == "create_task"]
    assert sorted(done, key=str) == [
        ("create_task", "no_owner"),
        ("create_task", "nobody_here"),
        ("create_task", None),
    ]


def test_a_stored_task_step_is_read_as_it_was_written(practice: Practice) -> None:
    dana = colleague(practice)
    practice.publish("A", CREATED, task(dana))
    [version] = rows(practice, SequenceVersion)

    assert version.definition["steps"][0]["for"] == str(dana)
    assert parse(version.definition).program[0].step.kind == "create_task"


def test_tags_are_put_on_and_taken_off_and_told_once(practice: Practice) -> None:
    change = {"kind": "tag", "add": ["VIP", "New"], "remove": ["Old", "Unknown"]}
    practice.publish("A", CREATED, {"kind": "wait_for", "minutes": 5}, change, HOUR)
    leads = [practice.lead(practice.person()) for _ in range(3)]
    practice.do(tag_lead, leads[0], "old")
    practice.do(tag_lead, leads[0], "vip")
    practice.work()
    practice.runtime.clock.advance(minutes=6)
    practice.work()

    names = {one.id: one.folded for one in rows(practice, Tag)}
    marked = {(one.lead_id, names[one.tag_id]) for one in rows(practice, LeadTag)}
    assert marked == {(lead, tag) for lead in leads for tag in ("vip", "new")}
    assert len(practice.told(LeadTagged)) == 2 + 5
    assert len(practice.told(LeadUntagged)) == 1


def test_tags_that_bring_each_other_back_come_to_an_end(practice: Practice) -> None:
    for on, off in (("one", "two"), ("two", "one")):
        change = {"kind": "tag", "add": [off], "remove": [on]}
        practice.publish(on, {"kind": "tag_added", "tag": on}, change, exits=["won"])
    lead_id = practice.lead(practice.person())
    practice.do(tag_lead, lead_id, "one")
    for _ in range(30):
        practice.work()

    assert [row.payload["reason"] for row in practice.told(EnrollmentRefused)] == ["loop"]
    assert len(practice.told(LeadTagged)) == 12 + 1


def test_a_task_that_is_done_starts_its_sequence_once(practice: Practice) -> None:
    dana = colleague(practice)
    practice.publish("A", CREATED, task(dana), HOUR)
    practice.publish("B", {"kind": "task_done"}, SEND, exits=["won"])
    practice.enter(1)
    practice.work()
    [one] = rows(practice, Task)
    for _ in range(2):
        practice.do(finish_tasks, [one.id])
        practice.work()

    assert len(practice.enrollments("B")) == 1


def test_somebody_starts_a_sequence_by_hand_by_its_own_rules(practice: Practice) -> None:
    sequence = practice.publish("A", {"kind": "by_hand"}, SEND, reentry="never")
    lead_id = practice.lead(practice.person(PHONE))
    contact_id = practice.person("+12125550178")
    contact = practice.do(lambda uow: uow.get(Lead, lead_id).contact_id)
    subjects = [Subject(contact, lead_id), Subject(contact_id), Subject(uuid4())]
    for _ in range(2):
        practice.do(start_by_hand, sequence.id, subjects)
        practice.work()

    assert {one.subject_id for one in practice.enrollments()} == {lead_id, contact_id}
    assert [row.payload["reason"] for row in practice.told(EnrollmentRefused)] == ["once_only"] * 2


def test_what_is_not_there_cannot_be_started(practice: Practice) -> None:
    with pytest.raises(NotFound):
        practice.do(start_by_hand, uuid4(), [])


def assign(*people: UUID) -> dict[str, Any]:
    return {"kind": "assign", "user_ids": [str(one) for one in people]}


def test_leads_are_given_out_by_turns_over_chunks(practice: Practice) -> None:
    people = [colleague(practice) for _ in range(3)]
    practice.publish("A", CREATED, assign(*people), HOUR)
    for size in (2, 5, 1, 4):
        practice.enter(size)
        practice.work()

    assert owners(practice) == dict.fromkeys(people, 4)
    assert len(practice.told(LeadDetailChanged)) == 12


def test_who_works_here_no_more_is_passed_over(practice: Practice) -> None:
    people = [colleague(practice) for _ in range(3)]
    leave(practice, people[1])
    practice.publish("A", CREATED, assign(*people), HOUR)
    practice.enter(6)
    practice.work()

    assert owners(practice) == {people[0]: 3, people[2]: 3}


def test_where_nobody_is_left_the_lead_stays_whose_it_is(practice: Practice) -> None:
    gone = colleague(practice)
    leave(practice, gone)
    enrolled(practice, assign(gone), HOUR, people=2)
    practice.work()

    assert owners(practice) == {None: 2}
    assert [one for one in outcomes(practice.step_runs()) if one[0] == "assign"] == [
        ("assign", "nobody_here")
    ] * 2


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[Any]]]:
    """Run something in another thread; the test waits for its end."""
    pool = ThreadPoolExecutor(2)
    yield pool.submit
    pool.shutdown()


def test_two_chunks_at_once_take_different_turns(
    practice: Practice, aside: Callable[..., Future[Any]]
) -> None:
    people = [colleague(practice) for _ in range(2)]
    practice.publish("A", CREATED, assign(*people), HOUR)
    practice.enter(1)
    [first] = practice.claim("enrollments")
    practice.enter(1)
    [second] = practice.claim("enrollments")
    running: list[Future[Any]] = []

    def flush_while_another_waits(uow: UnitOfWork, *rest: Any) -> None:
        flush(uow, *rest)
        running.append(aside(advance, practice.runtime, second))
        until(lambda: blocked(practice))

    advance(practice.runtime, first, flush_while_another_waits)
    running[0].result(timeout=20)

    assert owners(practice) == dict.fromkeys(people, 1)


def test_details_are_written_and_a_moved_day_is_heard(practice: Practice) -> None:
    lead_id = practice.lead(practice.person(PHONE))
    wait = {"kind": "wait_for_date"}
    practice.publish("W", {"kind": "stage_entered"}, wait, SEND, exits=["won"])
    practice.publish(
        "A",
        {"kind": "requested_again"},
        {"kind": "set_field", "field": "service", "value": "Implants"},
        {"kind": "set_field", "field": "value", "value": 480_000},
        {"kind": "set_field", "field": "follow_up", "value": 30},
        HOUR,
    )
    another = practice.publish("B", CREATED, HOUR)
    practice.do(
        lambda uow: uow.emit(
            StartRequested(
                order_key=lead_id,
                lead_id=lead_id,
                contact_id=uow.get(Lead, lead_id).contact_id,
                automation_id=practice_automation(uow, "A"),
            )
        )
    )
    practice.work()

    lead = practice.do(lambda uow: uow.get(Lead, lead_id))
    today = practice.do(lambda uow: uow.now.astimezone(NEW_YORK).date())
    assert (lead.service, lead.value_cents) == ("Implants", 480_000)
    assert lead.follow_up_on == today + timedelta(days=30)
    assert another.state == "live"


def practice_automation(uow: UnitOfWork, name: str) -> UUID:
    found = uow.session.scalars(select(Automation.id).where(col(Automation.name) == name)).one()
    return UUID(str(found))


@pytest.mark.parametrize(
    "fields",
    [
        {"field": "value", "value": "much"},
        {"field": "value", "value": "-1"},
        {"field": "follow_up", "value": 4000},
        {"field": "service", "value": "x" * 201},
        {"field": "name", "value": "Ana"},
    ],
)
def test_a_detail_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        parse({"name": "A", "trigger": CREATED, "steps": [{"kind": "set_field", **fields}]})


def test_a_chunk_of_everything_takes_as_many_statements_as_a_small_one(practice: Practice) -> None:
    people = [colleague(practice) for _ in range(2)]
    practice.publish("B", NOBODYS, HOUR)
    steps = [
        assign(*people),
        task(people[0]),
        {"kind": "tag", "add": ["VIP"], "remove": ["Old"]},
        {"kind": "set_field", "field": "service", "value": "Implants"},
        start("B"),
        HOUR,
    ]
    counts = []
    for size in (2, 40):
        practice.publish("A", CREATED, *steps)
        practice.enter(size)
        [claim] = practice.claim("enrollments")
        assert len(claim.ids) == size
        counts.append(practice.statements(lambda held=claim: advance(practice.runtime, held)))
        practice.work()

    # The first chunk reads the clinic's key, too.
    assert counts[1] <= counts[0] <= 32
