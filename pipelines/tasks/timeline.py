"""How tasks read on a timeline: set, done, open again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.core.errors import N_
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource
from pipelines.tasks.events import TaskCreated, TaskDone, TaskEvent, TaskReopened
from pipelines.tasks.models import Task

_TITLES: Mapping[type[TaskEvent], str] = {
    TaskCreated: N_("Task set"),
    TaskDone: N_("Task done"),
    TaskReopened: N_("Task open again"),
}


def _reads(uow: UnitOfWork, events: Sequence[TaskEvent]) -> Mapping[str, Any]:
    ids = {event.task_id for event in events}
    mine = (col(Task.clinic_id) == uow.clinic_id, col(Task.id).in_(ids))
    return {"tasks": select(col(Task.id), col(Task.title)).where(*mine)}


def _fill(uow: UnitOfWork, events: Sequence[TaskEvent], found: Found) -> Mapping[UUID, Entry]:
    titles = {row.id: uow.decrypt(row.id, row.title) for row in found["tasks"]}
    return {
        event.id: Entry(_(_TITLES[type(event)]), titles.get(event.task_id, ""), "tasks", "note")
        for event in events
    }


TIMELINE = TimelineSource(tuple(_TITLES), _fill, reads=_reads)
