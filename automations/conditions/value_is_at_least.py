"""The condition on what the lead is worth."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import money
from crm.web.language import _


class ValueIsAtLeast(Condition):
    """Holds for leads that are worth so much or more; the amount is in cents."""

    label: ClassVar[str] = N_("Value is at least")
    history: ClassVar[tuple[str, ...]] = ("field_changes:leads.value_cents",)
    kind: Literal["value_is_at_least"] = "value_is_at_least"
    cents: Annotated[int, Field(ge=1, le=100_000_000_00)]

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead is worth that much; without a lead nothing is."""
        return facts.lead is not None and facts.lead.value_cents >= self.cents

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": facts.lead.value_cents if facts.lead else None}

    def words(self, names: Names) -> str:
        """Return the amount."""
        return _("Value is at least %(amount)s", amount=money(self.cents))
