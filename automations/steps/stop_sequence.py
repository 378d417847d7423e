"""The step that stops another sequence."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.names import Names
from automations.outcomes import Exit, Outcome, StopOther
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


class StopSequence(Step):
    """Let the same person leave another sequence; its texts that wait are withdrawn."""

    label: ClassVar[str] = N_("Stop another sequence")
    kind: Literal["stop_sequence"] = "stop_sequence"
    automation_id: UUID

    def decide(self, run: Run) -> Outcome:
        """Stop it; who stops the own sequence leaves it."""
        if self.automation_id == run.automation_id:
            return Outcome(then=Exit("stopped"))
        return Outcome((StopOther(self.automation_id),))

    def words(self, names: Names) -> str:
        """Return which one."""
        return _("Stop “%(name)s”", name=names.automation(self.automation_id))
