"""The trigger for tasks that are done."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from pipelines.tasks.events import TaskDone


class TaskWasDone(Trigger):
    """Starts when a task about a lead is done."""

    label: ClassVar[str] = N_("A task is done")
    listens: ClassVar[tuple[type[Event], ...]] = (TaskDone,)
    kind: Literal["task_done"] = "task_done"
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the task is about a lead that stands there."""
        lead = facts.lead
        return (
            isinstance(event, TaskDone)
            and lead is not None
            and allows(self.pipeline_id, lead.pipeline_id)
            and allows(self.stage_id, lead.stage_id)
        )
