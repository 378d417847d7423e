"""What triggers share that start at a moment of which no event tells."""

from typing import ClassVar
from uuid import UUID

from automations.facts import LeadFacts
from automations.triggers.base import Trigger, allows


class TimedTrigger(Trigger):
    """Starts when a moment comes; `automations.clocks` finds whose did.

    Whether what it is about still holds is asked once more, of the facts: the moment may have been
    found a while ago.
    """

    is_of_open_leads: ClassVar[bool] = True
    """Whether a lead must be open where no stage is named."""

    pipeline_id: UUID | None = None
    stage_id: UUID | None = None

    def stands(self, lead: LeadFacts | None) -> bool:
        """Return whether a lead stands where it must; nobody's where none is asked for."""
        if lead is None:
            return self.pipeline_id is None and self.stage_id is None
        is_open = lead.stage_kind == "open" or not self.is_of_open_leads
        return (
            allows(self.pipeline_id, lead.pipeline_id)
            and allows(self.stage_id, lead.stage_id)
            and (self.stage_id is not None or is_open)
        )
