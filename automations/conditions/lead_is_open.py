"""The condition that nothing is decided yet about the lead."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts
from crm.core.errors import N_


class LeadIsOpen(Condition):
    """Holds for leads that are neither booked, won nor lost."""

    label: ClassVar[str] = N_("Lead is open")
    history: ClassVar[tuple[str, ...]] = ("lead.created", "lead.stage_changed")
    kind: Literal["lead_is_open"] = "lead_is_open"

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead stands in an open stage; without a lead it does not."""
        return facts.lead is not None and facts.lead.stage_kind == "open"
