"""The trigger for leads that are moved into a stage."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from pipelines.events import LeadStageChanged


class StageEntered(Trigger):
    """Starts when a lead is moved into a stage; being created there is `lead_created`'s."""

    label: ClassVar[str] = N_("A lead enters a stage")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadStageChanged,)
    kind: Literal["stage_entered"] = "stage_entered"
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the move leads into the stage."""
        return (
            isinstance(event, LeadStageChanged)
            and allows(self.pipeline_id, event.pipeline_id)
            and allows(self.stage_id, event.to_stage_id)
        )
