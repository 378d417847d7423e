"""The condition on where the lead came from."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import any_of
from crm.web.language import _


class SourceIs(Condition):
    """Holds for leads that came from one of these sources."""

    label: ClassVar[str] = N_("Source is")
    history: ClassVar[tuple[str, ...]] = ("lead.created",)
    kind: Literal["source_is"] = "source_is"
    sources: Annotated[tuple[str, ...], Field(min_length=1, max_length=20)]

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead came from one of the sources; without a lead it did not."""
        return facts.lead is not None and facts.lead.source in self.sources

    def words(self, names: Names) -> str:
        """Return which sources it asks for."""
        return _("Source is %(sources)s", sources=any_of(self.sources))
