"""The step that tells somebody of the clinic something."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from automations.keys import derived_id
from automations.names import Names
from automations.outcomes import NotifyStaff, Outcome
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


class Notify(Step):
    """Tell the lead's owner, one person or everybody, in the notifications of their pages."""

    label: ClassVar[str] = N_("Notify staff")
    kind: Literal["notify"] = "notify"
    to: Literal["owner", "everybody"] | UUID = "owner"
    message: Annotated[str, Field(min_length=1, max_length=200)]

    def decide(self, run: Run) -> Outcome:
        """Tell it, unless there is no lead or nobody to be told."""
        lead = run.facts.lead
        if lead is None:
            return Outcome(skipped="no_lead")
        user_id = lead.owner_id if self.to == "owner" else self.to
        if user_id is None:
            return Outcome(skipped="no_owner")
        notice_id = derived_id(run.enrollment_id, lead.id, run.key)
        whom = None if user_id == "everybody" else user_id
        return Outcome((NotifyStaff(notice_id, lead.id, whom, self.message, run.key),))

    def words(self, names: Names) -> str:
        """Return who is told what."""
        match self.to:
            case "owner":
                whom = _("the owner")
            case "everybody":
                whom = _("everybody")
            case user_id:
                whom = names.person(user_id)
        return _("Tell %(name)s: “%(message)s”", name=whom, message=self.message)
