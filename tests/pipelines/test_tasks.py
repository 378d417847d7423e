"""Tasks are set, changed, done and reopened, each once, and stay in their clinic."""

from datetime import date, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from crm.accounts import cli
from crm.accounts.actions import end_membership
from crm.contacts.models import Contact
from crm.core.errors import Invalid, NotFound, StaleVersion
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines.actions import NewLead, add_pipeline, create_leads
from pipelines.tasks.actions import (
    Due,
    NewTask,
    TaskChange,
    add_tasks,
    change_task,
    finish_tasks,
    reopen_tasks,
)
from pipelines.tasks.models import Task
from pipelines.tasks.queries import (
    PAGE,
    SHOWN_DONE,
    end_of_today,
    one_task,
    open_tasks,
    tasks_of_lead,
)

ZONE = ZoneInfo("America/New_York")


def hire(runtime: Runtime, clinic: UUID, name: str) -> UUID:
    return cli.user_add(
        runtime.database,
        clinic_id=clinic,
        email=f"{name.lower()}@desk.example",
        name=name,
        role="front_desk",
        language="en",
    )


@pytest.fixture
def dana(runtime: Runtime, clinic: UUID) -> UUID:
    return hire(runtime, clinic, "Dana")


@pytest.fixture
def kim(runtime: Runtime, clinic: UUID) -> UUID:
    return hire(runtime, clinic, "Kim")


def lead(uow: UnitOfWork) -> UUID:
    add_pipeline(uow, f"P{new_id()}", [("New", "open")], is_default=True)
    contact = Contact(name="Ana Vale", created_at=uow.now)
    uow.add(contact)
    [created] = create_leads(uow, [NewLead(contact.id)])
    return created.id


def task(uow: UnitOfWork, who: UUID, hours: float = 1, lead_id: UUID | None = None) -> UUID:
    new = NewTask("Call back", Due(uow.now + timedelta(hours=hours), False), who, lead_id)
    add_tasks(uow, [new])
    return new.id


def told(uow: UnitOfWork) -> list[str]:
    rows = uow.session.scalars(select(col(EventRow.name)).order_by(col(EventRow.seq)))
    return [name for name in rows if name.startswith("task.")]


def test_a_task_is_kept_encrypted_and_told_of_its_lead(uow: UnitOfWork, dana: UUID) -> None:
    lead_id = lead(uow)
    made = task(uow, dana, lead_id=lead_id)
    assert "Call" not in uow.get(Task, made).title
    [row] = tasks_of_lead(uow, lead_id)
    assert (row.title, row.assignee, row.person) == ("Call back", "Dana", "Ana Vale")
    event = uow.session.scalars(select(EventRow).where(col(EventRow.name) == "task.created")).one()
    assert (event.lead_id, event.order_key) == (lead_id, made)
    assert set(event.payload) == {"task_id", "assignee_id"}


def test_the_same_task_sent_twice_is_one(uow: UnitOfWork, dana: UUID) -> None:
    new = NewTask("Call back", Due(uow.now, False), dana)
    add_tasks(uow, [new])
    add_tasks(uow, [new])
    assert told(uow) == ["task.created"]


def test_a_day_without_a_time_ends_where_one_is() -> None:
    due = Due.on(date(2027, 2, 2), None, ZONE)
    assert due.is_all_day
    assert due.at.isoformat() == "2027-02-02T23:59:59-05:00"
    assert Due.on(date(2027, 2, 2), time(9, 30), ZONE).at.isoformat() == "2027-02-02T09:30:00-05:00"


def test_only_who_works_here_gets_a_task(
    uow: UnitOfWork, runtime: Runtime, clinic: UUID, other_clinic: UUID, dana: UUID
) -> None:
    stranger = hire(runtime, other_clinic, "Sam")
    gone = hire(runtime, clinic, "Lee")
    with runtime.database.transaction(clinic, Principal("system")) as other:
        end_membership(other, gone)
    for who in (stranger, gone, new_id()):
        with pytest.raises(Invalid) as refused:
            task(uow, who)
        assert "assignee_id" in refused.value.fields


def test_a_task_of_an_unknown_lead_is_refused(uow: UnitOfWork, dana: UUID) -> None:
    with pytest.raises(NotFound):
        task(uow, dana, lead_id=new_id())


def test_done_twice_is_done_once_and_can_be_taken_back(uow: UnitOfWork, dana: UUID) -> None:
    uow.principal = Principal("user", dana)
    made = task(uow, dana)
    for _ in range(2):
        [done] = finish_tasks(uow, [made])
        assert (done.done_at, done.done_by, done.version) == (uow.now, dana, 2)
    assert open_tasks(uow, None).rows == []
    for _ in range(2):
        [opened] = reopen_tasks(uow, [made])
        assert (opened.done_at, opened.done_by, opened.version) == (None, None, 3)
    assert told(uow) == ["task.created", "task.done", "task.reopened"]


def test_many_are_done_at_once_or_none(uow: UnitOfWork, dana: UUID) -> None:
    ids = [task(uow, dana) for _ in range(3)]
    with pytest.raises(NotFound):
        finish_tasks(uow, [*ids, new_id()])
    assert {one.id for one in finish_tasks(uow, ids)} == set(ids)
    assert told(uow).count("task.done") == 3


def test_a_change_tells_who_gave_it_and_an_overtaken_one_is_refused(
    uow: UnitOfWork, dana: UUID, kim: UUID
) -> None:
    uow.principal = Principal("user", dana)
    made = task(uow, dana)
    later = Due(uow.now + timedelta(days=2), True)
    change_task(uow, TaskChange(made, "Verify insurance", later, kim, version=1))
    row = one_task(uow, made)
    assert (row.title, row.assignee, row.is_all_day) == ("Verify insurance", "Kim", True)
    assert uow.get(Task, made).assigned_by == dana
    with pytest.raises(StaleVersion):
        change_task(uow, TaskChange(made, "Call", later, dana, version=1))


def test_whoever_left_keeps_a_task_that_others_may_still_change(
    uow: UnitOfWork, runtime: Runtime, clinic: UUID, dana: UUID
) -> None:
    made = task(uow, dana)
    end_membership(uow, dana)
    due = Due(uow.now, False)
    change_task(uow, TaskChange(made, "Call again", due, dana, version=1))
    assert one_task(uow, made).title == "Call again"


def test_a_list_is_of_one_person_or_of_all_and_comes_in_pages(
    uow: UnitOfWork, dana: UUID, kim: UUID
) -> None:
    mine = [task(uow, dana, hours) for hours in range(PAGE + 2)]
    theirs = task(uow, kim)
    first = open_tasks(uow, dana)
    assert first.more == first.rows[-1].id
    second = open_tasks(uow, dana, first.more)
    assert [row.id for row in (*first.rows, *second.rows)] == mine
    assert second.more is None
    assert theirs in {row.id for row in open_tasks(uow, None).rows}
    with pytest.raises(NotFound):
        open_tasks(uow, None, new_id())


def test_what_is_late_what_is_today_and_what_comes_later(uow: UnitOfWork, dana: UUID) -> None:
    tomorrow = end_of_today(uow, ZONE)
    hours = (tomorrow - uow.now).total_seconds() / 3600
    late, today, later = (task(uow, dana, h) for h in (-1, hours / 2, hours))
    page = open_tasks(uow, dana)
    assert [row.id for row in page.between(None, uow.now)] == [late]
    assert [row.id for row in page.between(uow.now, tomorrow)] == [today]
    assert [row.id for row in page.between(tomorrow, None)] == [later]


def test_a_lead_shows_its_open_tasks_and_what_was_done_lately(
    runtime: Runtime, clinic: UUID, dana: UUID
) -> None:
    with runtime.database.transaction(clinic, Principal("user", dana)) as uow:
        lead_id = lead(uow)
        done = task(uow, dana, 1, lead_id)
        still, sooner = task(uow, dana, 9, lead_id), task(uow, dana, 3, lead_id)
        finish_tasks(uow, [done])
        assert [row.id for row in tasks_of_lead(uow, lead_id)] == [sooner, still, done]
    runtime.clock.offset += SHOWN_DONE + timedelta(minutes=1)
    with runtime.database.transaction(clinic, Principal("user", dana)) as uow:
        assert [row.id for row in tasks_of_lead(uow, lead_id)] == [sooner, still]
