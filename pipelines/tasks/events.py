"""What happens to tasks; the order key is the task."""

from uuid import UUID

from crm.core.events import Event


class TaskEvent(Event):
    """What all of them tell: which task, and whose it is then."""

    task_id: UUID
    assignee_id: UUID


class TaskCreated(TaskEvent):
    """Somebody, or a sequence, set a task."""

    name = "task.created"


class TaskChanged(TaskEvent):
    """A task has other words, another time or another person."""

    name = "task.changed"


class TaskDone(TaskEvent):
    """A task was done."""

    name = "task.done"


class TaskReopened(TaskEvent):
    """A task was not done after all."""

    name = "task.reopened"
