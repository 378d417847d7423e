"""The trigger for further requests of people whose lead is open."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from pipelines.events import LeadRequestedAgain


class RequestedAgain(Trigger):
    """Starts when a contact with an open lead asks again."""

    label: ClassVar[str] = N_("An open lead asks again")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadRequestedAgain,)
    kind: Literal["requested_again"] = "requested_again"
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    source: str | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the request came for such a lead, from the source."""
        return (
            isinstance(event, LeadRequestedAgain)
            and allows(self.pipeline_id, event.pipeline_id)
            and allows(self.stage_id, event.stage_id)
            and allows(self.source, event.source)
        )
