"""Verbs of tasks: add them, change one, finish and reopen many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from crm.accounts.queries import colleagues
from crm.core.errors import N_, Invalid, NotFound, StaleVersion
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from pipelines.models import Lead
from pipelines.tasks.events import TaskChanged, TaskCreated, TaskDone, TaskEvent, TaskReopened
from pipelines.tasks.models import Task

NOT_HERE = N_("Choose somebody who works here.")
CHANGED = N_("Somebody changed this task meanwhile.")

END_OF_DAY = time(23, 59, 59)


@dataclass(frozen=True)
class Due:
    """When a task is due; with `is_all_day` it is late when the day is over."""

    at: datetime
    is_all_day: bool

    @classmethod
    def on(cls, day: date, at: time | None, zone: ZoneInfo) -> "Due":
        """Return what a date and perhaps a time mean to somebody in a zone."""
        return cls(datetime.combine(day, at or END_OF_DAY, zone), at is None)


@dataclass(frozen=True)
class NewTask:
    """A task to be."""

    title: str = field(repr=False)
    due: Due
    assignee_id: UUID
    lead_id: UUID | None = None
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True)
class TaskChange:
    """A task as it shall be; `version` refuses a change that another one overtook."""

    task_id: UUID
    title: str = field(repr=False)
    due: Due
    assignee_id: UUID
    version: int


def add_tasks(uow: UnitOfWork, tasks: Sequence[NewTask]) -> None:
    """Add tasks; one whose id is known already is left as it is, so that a repeat adds none.

    Raises NotFound for an unknown lead, Invalid for somebody who does not work here.
    """
    known = _find(uow, [task.id for task in tasks])
    fresh = [task for task in tasks if task.id not in known]
    _assert_members(uow, {task.assignee_id for task in fresh})
    contacts = _contacts(uow, {task.lead_id for task in fresh if task.lead_id})
    rows = [_row(uow, task, contacts) for task in fresh]
    uow.insert(Task, [row.model_dump(exclude={"clinic_id"}) for row in rows])
    uow.emit(_told(TaskCreated, row) for row in rows)


def change_task(uow: UnitOfWork, change: TaskChange) -> Task:
    """Give a task other words, another time or another person.

    Raises NotFound, StaleVersion, Invalid.
    """
    task = _lock(uow, [change.task_id])[change.task_id]
    if task.version != change.version:
        raise StaleVersion(CHANGED)
    if task.assignee_id != change.assignee_id:
        _assert_members(uow, {change.assignee_id})
        task.assignee_id = change.assignee_id
        task.assigned_by, task.assigned_at = uow.principal.id, uow.now
    task.title = uow.encrypt(task.id, change.title)
    task.due_at, task.is_all_day = change.due.at, change.due.is_all_day
    task.version += 1
    uow.session.flush()
    uow.emit(_told(TaskChanged, task))
    return task


def finish_tasks(uow: UnitOfWork, task_ids: Sequence[UUID]) -> list[Task]:
    """Mark tasks as done and return them; one that is done already stays as it is.

    Raises NotFound.
    """

    def finish(task: Task) -> None:
        task.done_at, task.done_by = uow.now, uow.principal.id

    return _settle(uow, task_ids, TaskDone, finish, is_done=True)


def reopen_tasks(uow: UnitOfWork, task_ids: Sequence[UUID]) -> list[Task]:
    """Take back that tasks are done and return them; an open one stays as it is.

    Raises NotFound.
    """

    def reopen(task: Task) -> None:
        task.done_at = task.done_by = None

    return _settle(uow, task_ids, TaskReopened, reopen, is_done=False)


def _settle(
    uow: UnitOfWork,
    task_ids: Sequence[UUID],
    told: type[TaskEvent],
    settle: Callable[[Task], None],
    *,
    is_done: bool,
) -> list[Task]:
    tasks = _lock(uow, task_ids)
    changed = [task for task in tasks.values() if (task.done_at is not None) != is_done]
    for task in changed:
        settle(task)
        task.version += 1
    uow.session.flush()
    uow.emit(_told(told, task) for task in changed)
    return list(tasks.values())


def _lock(uow: UnitOfWork, task_ids: Sequence[UUID]) -> dict[UUID, Task]:
    """Lock tasks in id order and return them by id, fresh. Raises NotFound if one is unknown."""
    rows = uow.session.scalars(
        select(Task)
        .where(col(Task.clinic_id) == uow.clinic_id, col(Task.id).in_(set(task_ids)))
        .order_by(col(Task.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    tasks = {task.id: task for task in rows}
    if not tasks.keys() >= set(task_ids):
        raise NotFound("task not found")
    return tasks


def _find(uow: UnitOfWork, task_ids: Sequence[UUID]) -> set[UUID]:
    rows = uow.session.scalars(
        select(col(Task.id)).where(col(Task.clinic_id) == uow.clinic_id, col(Task.id).in_(task_ids))
    )
    return set(rows)


def _contacts(uow: UnitOfWork, lead_ids: set[UUID]) -> Mapping[UUID | None, UUID]:
    """Return the contact of each lead. Raises NotFound."""
    if not lead_ids:
        return {}
    rows = uow.session.execute(
        select(col(Lead.id), col(Lead.contact_id)).where(
            col(Lead.clinic_id) == uow.clinic_id, col(Lead.id).in_(lead_ids)
        )
    )
    contacts: dict[UUID | None, UUID] = {row[0]: row[1] for row in rows}
    if contacts.keys() != lead_ids:
        raise NotFound("lead not found")
    return contacts


def _assert_members(uow: UnitOfWork, user_ids: set[UUID]) -> None:
    if not user_ids <= {member.id for member in colleagues(uow)}:
        raise Invalid(NOT_HERE, field="assignee_id")


def _row(uow: UnitOfWork, task: NewTask, contacts: Mapping[UUID | None, UUID]) -> Task:
    return Task(
        id=task.id,
        title=uow.encrypt(task.id, task.title),
        lead_id=task.lead_id,
        contact_id=contacts.get(task.lead_id),
        due_at=task.due.at,
        is_all_day=task.due.is_all_day,
        assignee_id=task.assignee_id,
        assigned_by=uow.principal.id,
        assigned_at=uow.now,
        created_at=uow.now,
    )


def _told(kind: type[TaskEvent], task: Task) -> TaskEvent:
    return kind(
        order_key=task.id,
        contact_id=task.contact_id,
        lead_id=task.lead_id,
        task_id=task.id,
        assignee_id=task.assignee_id,
    )
