"""The step that sets a task."""

from datetime import UTC, timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from automations.names import Names
from automations.outcomes import AddTask, Outcome
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _, ngettext


class CreateTask(Step):
    """Set a task about the lead for its owner, or for somebody of the clinic."""

    label: ClassVar[str] = N_("Create a task")
    kind: Literal["create_task"] = "create_task"
    title: Annotated[str, Field(min_length=1, max_length=200)]
    due_in_days: Annotated[int, Field(ge=0, le=365)] = 0
    whom: Annotated[Literal["owner"] | UUID, Field(alias="for")] = "owner"

    def decide(self, run: Run) -> Outcome:
        """Set the task, unless there is no lead or nobody to do it."""
        lead = run.facts.lead
        if lead is None:
            return Outcome(skipped="no_lead")
        assignee_id = lead.owner_id if self.whom == "owner" else self.whom
        if assignee_id is None:
            return Outcome(skipped="no_owner")
        local = run.now.astimezone(run.zone) + timedelta(days=self.due_in_days)
        due_at = local.replace(hour=23, minute=59, second=59, microsecond=0).astimezone(UTC)
        return Outcome((AddTask(lead.id, self.title, due_at, assignee_id, run.key),))

    def words(self, names: Names) -> str:
        """Return what is to be done, by whom and when."""
        whom = _("the owner") if self.whom == "owner" else names.person(self.whom)
        task = _("Set a task for %(name)s: “%(title)s”", name=whom, title=self.title)
        if not self.due_in_days:
            return task
        days = ngettext("due in %(num)s day", "due in %(num)s days", self.due_in_days)
        return f"{task}, {days}"
