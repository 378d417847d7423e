"""How tasks read on a timeline: set, done, open again."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import col, select

from crm.core.errors import N_
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, TimelineSource
from pipelines.tasks.events import TaskCreated, TaskDone, TaskEvent, TaskReopened
from pipelines.tasks.models import Task

_TITLES: Mapping[type[TaskEvent], str] = {
    TaskCreated: N_("Task set"),
    TaskDone: N_("Task done"),
    TaskReopened: N_("Task open again"),
}


def _fill(uow: UnitOfWork, events: Sequence[TaskEvent]) -> Mapping[UUID, Entry]:
    ids = {event.task_id for event in events}
    rows = uow.session.execute(
        select(col(Task.id), col(Task.title)).where(
            col(Task.clinic_id) == uow.clinic_id, col(Task.id).in_(ids)
        )
    )
    titles = {row[0]: uow.decrypt(row[0], row[1]) for row in rows}
    return {
        event.id: Entry(_(_TITLES[type(event)]), titles.get(event.task_id, ""), "task", "note")
        for event in events
    }


TIMELINE = TimelineSource(tuple(_TITLES), _fill)
