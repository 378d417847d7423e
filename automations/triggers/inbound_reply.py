"""The trigger for texts that come in."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from crm.messaging.events import TextReceived


class InboundReply(Trigger):
    """Starts when a text comes in that is no STOP, START or HELP."""

    label: ClassVar[str] = N_("A text comes in")
    listens: ClassVar[tuple[type[Event], ...]] = (TextReceived,)
    kind: Literal["inbound_reply"] = "inbound_reply"
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    source: str | None = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the text is from such a lead; without filters from anybody known."""
        if not isinstance(event, TextReceived) or event.keyword is not None:
            return False
        lead = facts.lead
        return (
            allows(self.pipeline_id, lead and lead.pipeline_id)
            and allows(self.stage_id, lead and lead.stage_id)
            and allows(self.source, lead and lead.source)
        )
