"""The step that starts another sequence."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.names import Names
from automations.outcomes import Outcome, StartOther
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


class StartSequence(Step):
    """Start another sequence for the same person, by its own conditions and rules of entry."""

    label: ClassVar[str] = N_("Start another sequence")
    kind: Literal["start_sequence"] = "start_sequence"
    automation_id: UUID

    def decide(self, run: Run) -> Outcome:
        """Start it."""
        return Outcome((StartOther(self.automation_id),))

    def words(self, names: Names) -> str:
        """Return which one."""
        return _("Start “%(name)s”", name=names.automation(self.automation_id))
