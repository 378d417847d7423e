"""The trigger for leads that stand in a stage for long."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from automations.events import LeadStoodStill
from automations.facts import Facts
from automations.names import Names
from automations.triggers.timed import TimedTrigger
from crm.core.errors import N_
from crm.core.events import Event
from crm.web import formats
from crm.web.language import _


class StageStuck(TimedTrigger):
    """Starts when a lead has stood in a stage for so many days: in one, or in any open one."""

    label: ClassVar[str] = N_("A lead stands still")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadStoodStill,)
    kind: Literal["stage_stuck"] = "stage_stuck"
    days: Annotated[int, Field(ge=1, le=365)]

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is the number of days, and the lead has not moved since."""
        lead = facts.lead
        return (
            isinstance(event, LeadStoodStill)
            and lead is not None
            and event.days == self.days
            and (event.stage_id, event.since) == (lead.stage_id, lead.stage_entered_at)
            and self.stands(lead)
        )

    def words(self, names: Names) -> str:
        """Return for how long, and where."""
        words, span = super().words(names), formats.span(self.days)
        return _("%(words)s, for %(span)s", words=words, span=span)
