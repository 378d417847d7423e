"""The trigger for new leads."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from pipelines.events import LeadCreated


class LeadWasCreated(Trigger):
    """Starts when an appointment request, or a person at the desk, becomes a lead."""

    label: ClassVar[str] = N_("A lead is created")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadCreated,)
    kind: Literal["lead_created"] = "lead_created"
    pipeline_id: UUID | None = None
    source: str | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the lead was created in the pipeline, from the source."""
        return (
            isinstance(event, LeadCreated)
            and allows(self.pipeline_id, event.pipeline_id)
            and allows(self.source, event.source)
        )
