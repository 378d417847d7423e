"""The step that gives the lead to somebody, by turns."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from automations.keys import derived_id
from automations.names import Names
from automations.outcomes import AssignLead, Outcome
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


def _each_once(ids: tuple[UUID, ...]) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(ids))


class Assign(Step):
    """Give the lead to the next of these people; who no longer works here is passed over."""

    label: ClassVar[str] = N_("Assign the lead")
    kind: Literal["assign"] = "assign"
    user_ids: Annotated[
        tuple[UUID, ...], Field(min_length=1, max_length=50), AfterValidator(_each_once)
    ]

    def decide(self, run: Run) -> Outcome:
        """Give it to whose turn it is, unless there is no lead."""
        if run.facts.lead is None:
            return Outcome(skipped="no_lead")
        turns_id = derived_id(run.automation_id, run.automation_id, run.path)
        return Outcome((AssignLead(run.facts.lead.id, self.user_ids, turns_id, run.key),))

    def words(self, names: Names) -> str:
        """Return who takes turns."""
        people = ", ".join(names.person(one) for one in self.user_ids)
        return _("Give the lead to %(people)s", people=people)
