"""The condition on the lead's time in the stage."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import span
from crm.web.language import _


class StandsInStage(Condition):
    """Holds for leads that have stood in their stage for so many whole days or longer."""

    label: ClassVar[str] = N_("In its stage for")
    history: ClassVar[tuple[str, ...]] = ("lead.created", "lead.stage_changed")
    needs: ClassVar[frozenset[Group]] = frozenset({"clock"})
    kind: Literal["stands_in_stage"] = "stands_in_stage"
    days: Annotated[int, Field(ge=1, le=3650)]

    def holds(self, facts: Facts) -> bool:
        """Return whether so many days have passed; without a lead they have not."""
        return (
            facts.lead is not None
            and facts.moment.days_since(facts.lead.stage_entered_at) >= self.days
        )

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": facts.moment.days_since(facts.lead.stage_entered_at) if facts.lead else None}

    def words(self, names: Names) -> str:
        """Return how many days it asks for."""
        return _("In its stage for at least %(span)s", span=span(self.days))
