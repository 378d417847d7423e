"""Reads of tasks: what is open, of one person or of everybody, and a lead's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import col

from crm.accounts.models import Clinic, User
from crm.contacts.models import Contact
from crm.contacts.queries import join_person
from crm.core.asking import Asking
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from pipelines.tasks.models import Task

PAGE = 50
MOST_OF_A_LEAD = 30
SHOWN_DONE = timedelta(days=14)
"""How long a done task stays in sight on its lead's page."""


@dataclass(frozen=True)
class TaskRow:
    """A task in a list, with its words and the names of who does it and whom it is about."""

    id: UUID
    title: str = field(repr=False)
    due_at: datetime
    is_all_day: bool
    done_at: datetime | None
    assignee_id: UUID
    assignee: str
    lead_id: UUID | None
    person: str | None
    version: int


@dataclass(frozen=True)
class Page:
    """Some open tasks in the order of their times; `more` names the last if there are more."""

    rows: Sequence[TaskRow]
    more: UUID | None

    def between(self, start: datetime | None, end: datetime | None) -> list[TaskRow]:
        """Return the tasks that are due from one moment on, and before another."""
        return [
            row
            for row in self.rows
            if (start is None or row.due_at >= start) and (end is None or row.due_at < end)
        ]


def end_of_today(uow: UnitOfWork, zone: ZoneInfo) -> datetime:
    """Return the first moment of tomorrow where somebody is."""
    tomorrow = uow.now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)


def open_tasks(uow: UnitOfWork, assignee_id: UUID | None, after: UUID | None = None) -> Page:
    """Return a page of what is to be done, by one person or by anybody. Raises NotFound."""
    where: list[ColumnElement[bool]] = [col(Task.done_at).is_(None)]
    if assignee_id is not None:
        where.append(col(Task.assignee_id) == assignee_id)
    if after is not None:
        last = uow.get(Task, after)
        where.append(tuple_(col(Task.due_at), col(Task.id)) > (last.due_at, last.id))
    query = _rows(uow).where(*where).order_by(col(Task.due_at), col(Task.id)).limit(PAGE + 1)
    rows = _read(uow, query)
    shown = rows[:PAGE]
    return Page(shown, shown[-1].id if len(rows) > PAGE else None)


def due_today(asking: Asking, user_id: ColumnElement[UUID]) -> ColumnElement[int]:
    """Return the expression of how many of a user's tasks are late or due before his midnight."""
    tasks, user, clinic = aliased(Task), aliased(User), aliased(Clinic)
    own = select(col(user.timezone)).where(col(user.id) == user_id).correlate_except(user)
    shared = select(col(clinic.timezone)).where(col(clinic.id) == asking.clinic_id)
    zone = func.coalesce(own.scalar_subquery(), shared.correlate_except(clinic).scalar_subquery())
    today = func.date_trunc("day", func.timezone(zone, asking.now))
    return (
        select(func.count())
        .select_from(tasks)
        .where(
            col(tasks.clinic_id) == asking.clinic_id,
            col(tasks.assignee_id) == user_id,
            col(tasks.done_at).is_(None),
            col(tasks.due_at) < func.timezone(zone, today + timedelta(days=1)),
        )
        .scalar_subquery()
    )


def tasks_of_lead(uow: UnitOfWork, lead_id: UUID) -> list[TaskRow]:
    """Return a lead's open tasks, the next one first, then those that were done lately."""
    is_in_sight = col(Task.done_at).is_(None) | (col(Task.done_at) > uow.now - SHOWN_DONE)
    query = (
        _rows(uow)
        .where(col(Task.lead_id) == lead_id, is_in_sight)
        .order_by(col(Task.done_at).desc().nulls_first(), col(Task.due_at), col(Task.id))
    )
    return _read(uow, query.limit(MOST_OF_A_LEAD))


def tasks_by_id(uow: UnitOfWork, task_ids: Sequence[UUID]) -> list[TaskRow]:
    """Return these tasks as rows of a list, in the order of their times."""
    query = _rows(uow).where(col(Task.id).in_(task_ids))
    return _read(uow, query.order_by(col(Task.due_at), col(Task.id)))


def one_task(uow: UnitOfWork, task_id: UUID) -> TaskRow:
    """Return one task. Raises NotFound."""
    found = tasks_by_id(uow, [task_id])
    if not found:
        raise NotFound("task not found")
    return found[0]


def _rows(uow: UnitOfWork) -> Select[*tuple[Any, ...]]:
    """Return the select of the fields of `TaskRow`, the title encrypted."""
    person = aliased(Contact)
    query = (
        select(
            col(Task.id),
            col(Task.title),
            col(Task.due_at),
            col(Task.is_all_day),
            col(Task.done_at),
            col(Task.assignee_id),
            func.coalesce(col(User.name), ""),
            col(Task.lead_id),
            col(person.name),
            col(Task.version),
        )
        .outerjoin(User, col(User.id) == col(Task.assignee_id))
        .where(col(Task.clinic_id) == uow.clinic_id)
    )
    return join_person(query, Task, person, isouter=True)


def _read(uow: UnitOfWork, query: Select[*tuple[Any, ...]]) -> list[TaskRow]:
    return [
        TaskRow(row[0], uow.decrypt(row[0], row[1]), *row[2:]) for row in uow.session.execute(query)
    ]
