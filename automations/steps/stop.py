"""The step that ends the sequence."""

from typing import ClassVar, Literal

from automations.outcomes import Exit, Outcome
from automations.steps.base import Run, Step
from crm.core.errors import N_


class Stop(Step):
    """End the sequence here; with conditions, end it for those who meet them."""

    label: ClassVar[str] = N_("Stop")
    kind: Literal["stop"] = "stop"

    def decide(self, run: Run) -> Outcome:
        """Leave the sequence."""
        return Outcome(then=Exit("stopped"))
