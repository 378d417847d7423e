"""The condition on how often the person asked."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import ngettext


class HasAsked(Condition):
    """Holds for leads on which there are so many requests or more."""

    label: ClassVar[str] = N_("Has asked so often")
    history: ClassVar[tuple[str, ...]] = ("lead.created", "lead.requested_again")
    needs: ClassVar[frozenset[Group]] = frozenset({"requests"})
    kind: Literal["has_asked"] = "has_asked"
    times: Annotated[int, Field(ge=1, le=100)]

    def holds(self, facts: Facts) -> bool:
        """Return whether there are that many; without a lead there are none."""
        return facts.requests >= self.times

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": facts.requests}

    def words(self, names: Names) -> str:
        """Return how many."""
        return ngettext("Asked at least %(num)s time", "Asked at least %(num)s times", self.times)
