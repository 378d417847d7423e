"""The condition that several hold together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _

if TYPE_CHECKING:
    from automations.conditions.base import Condition as AnyCondition


class AllOf(Condition):
    """Holds where each of its conditions does."""

    label: ClassVar[str] = N_("All of these")
    history: ClassVar[tuple[str, ...]] = ()
    kind: Literal["all_of"] = "all_of"
    of: Annotated[tuple["AnyCondition", ...], Field(min_length=1, max_length=10)]

    def asks(self) -> frozenset[Group]:
        """Return what the conditions in it look at."""
        return frozenset[Group]().union(*(one.asks() for one in self.of))

    def holds(self, facts: Facts) -> bool:
        """Return whether all of them hold."""
        return all(one.holds(facts) for one in self.of)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what each of its conditions found."""
        return {"of": [one.found(facts) for one in self.of]}

    def words(self, names: Names) -> str:
        """Return what they ask for, one after another."""
        return _(
            "all of: %(conditions)s", conditions="; ".join(one.words(names) for one in self.of)
        )
