"""The trigger for requests, first ones and further ones."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from pipelines.events import LeadCreated, LeadRequestedAgain


class FormSubmitted(Trigger):
    """Starts when somebody sends a request, whether it makes a lead or joins an open one."""

    label: ClassVar[str] = N_("A request comes in")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadCreated, LeadRequestedAgain)
    kind: Literal["form_submitted"] = "form_submitted"
    pipeline_id: UUID | None = None
    source: str | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is a request in the pipeline, from the source."""
        return (
            isinstance(event, LeadCreated | LeadRequestedAgain)
            and event.request_id is not None
            and allows(self.pipeline_id, event.pipeline_id)
            and allows(self.source, event.source)
        )
