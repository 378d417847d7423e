"""The trigger for tasks that are late."""

from typing import ClassVar, Literal

from automations.events import TaskBecameOverdue
from automations.facts import Facts, Group
from automations.triggers.timed import TimedTrigger
from crm.core.errors import N_
from crm.core.events import Event


class TaskOverdue(TimedTrigger):
    """Starts when a task about a lead is not done by when it is due; another time is a new one."""

    is_of_open_leads: ClassVar[bool] = False

    label: ClassVar[str] = N_("A task is overdue")
    listens: ClassVar[tuple[type[Event], ...]] = (TaskBecameOverdue,)
    needs: ClassVar[frozenset[Group]] = frozenset({"tasks"})
    kind: Literal["task_overdue"] = "task_overdue"

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the task is still to be done, and was not put off."""
        return (
            isinstance(event, TaskBecameOverdue)
            and facts.tasks.get(event.task_id) == event.moment
            and self.stands(facts.lead)
        )
