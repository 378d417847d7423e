"""The condition on the lead's age."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import span
from crm.web.language import _


class LeadIsOlder(Condition):
    """Holds for leads that were created so many whole days ago or longer."""

    label: ClassVar[str] = N_("Lead is older than")
    history: ClassVar[tuple[str, ...]] = ("lead.created",)
    needs: ClassVar[frozenset[Group]] = frozenset({"clock"})
    kind: Literal["lead_is_older"] = "lead_is_older"
    days: Annotated[int, Field(ge=1, le=3650)]

    def holds(self, facts: Facts) -> bool:
        """Return whether so many days have passed; without a lead they have not."""
        return (
            facts.lead is not None and facts.moment.days_since(facts.lead.created_at) >= self.days
        )

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": facts.moment.days_since(facts.lead.created_at) if facts.lead else None}

    def words(self, names: Names) -> str:
        """Return how many days it asks for."""
        return _("Lead is at least %(span)s old", span=span(self.days))
