"""The condition on what standing in its stage means for a lead."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import any_of
from crm.web.language import _
from pipelines.models import StageKind

KINDS: dict[StageKind, str] = {
    "open": N_("open"),
    "booked": N_("booked"),
    "won": N_("won"),
    "lost": N_("lost"),
}


class StageKindIs(Condition):
    """Holds for leads in a stage of one of these kinds."""

    label: ClassVar[str] = N_("Stage is of the kind")
    history: ClassVar[tuple[str, ...]] = ("lead.created", "lead.stage_changed")
    kind: Literal["stage_kind_is"] = "stage_kind_is"
    kinds: Annotated[tuple[StageKind, ...], Field(min_length=1, max_length=4)]

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead's stage is of such a kind; without a lead it is not."""
        return facts.lead is not None and facts.lead.stage_kind in self.kinds

    def words(self, names: Names) -> str:
        """Return which kinds it asks for."""
        kinds = any_of(_(KINDS[kind]) for kind in self.kinds)
        return _("Lead is %(kinds)s", kinds=kinds)
