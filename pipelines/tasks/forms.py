"""What is typed of a task."""

from datetime import date, time
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from crm.core.ids import new_id
from crm.web.forms import BLANK_IS_NONE, FormModel, OptionalId
from crm.web.language import N_
from pipelines.tasks.actions import Due, NewTask, TaskChange

NO_TITLE = N_("Say what is to be done.")
MOST_AT_ONCE = 100


def _one_line(title: str) -> str:
    line = " ".join(title.split())
    if not line:
        raise PydanticCustomError("frontdesk_no_title", NO_TITLE)
    return line


class TaskForm(FormModel):
    """The fields that a new task and a changed one share."""

    title: Annotated[
        str,
        StringConstraints(max_length=200),
        AfterValidator(_one_line),
        Field(validate_default=True),
    ] = ""
    due_on: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2099, 12, 31))]
    due_time: Annotated[time | None, BLANK_IS_NONE] = None
    assignee_id: UUID

    def due(self, zone: ZoneInfo) -> Due:
        """Return when that is, for somebody in a zone."""
        return Due.on(self.due_on, self.due_time, zone)


class NewTaskForm(TaskForm):
    """A task to be; the form names it by its `key`, so that two sendings make one."""

    key: Annotated[UUID, BeforeValidator(lambda typed: typed or new_id())] = Field(
        default_factory=new_id
    )
    lead_id: OptionalId = None

    def new(self, zone: ZoneInfo) -> NewTask:
        """Return what the form asks for."""
        return NewTask(self.title, self.due(zone), self.assignee_id, self.lead_id, self.key)


class ChangeTaskForm(TaskForm):
    """A task as it shall be, and which version of it was looked at."""

    version: int

    def change(self, task_id: UUID, zone: ZoneInfo) -> TaskChange:
        """Return what the form asks for."""
        return TaskChange(task_id, self.title, self.due(zone), self.assignee_id, self.version)


def _ids(value: Any) -> Any:
    """Take ids apart that came in one field, as an Undo sends them."""
    return " ".join(value).split() if isinstance(value, list) else value


class SettleForm(FormModel):
    """Tasks that are done, or not after all; `lead_id` is the page to come back to."""

    task_id: Annotated[
        list[UUID], BeforeValidator(_ids), Field(min_length=1, max_length=MOST_AT_ONCE)
    ]
    lead_id: OptionalId = None
