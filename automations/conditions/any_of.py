"""The condition that one of several holds."""

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


class AnyOf(Condition):
    """Holds where at least one of its conditions does."""

    label: ClassVar[str] = N_("Any of these")
    history: ClassVar[tuple[str, ...]] = ()
    kind: Literal["any_of"] = "any_of"
    of: Annotated[tuple["AnyCondition", ...], Field(min_length=1, max_length=10)]

    def asks(self) -> frozenset[Group]:
        """Return what the conditions in it look at."""
        return frozenset[Group]().union(*(one.asks() for one in self.of))

    def holds(self, facts: Facts) -> bool:
        """Return whether one of them holds."""
        return any(one.holds(facts) for one in self.of)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what each of its conditions found."""
        return {"of": [one.found(facts) for one in self.of]}

    def words(self, names: Names) -> str:
        """Return what they ask for, one after another."""
        return _(
            "any of: %(conditions)s", conditions="; ".join(one.words(names) for one in self.of)
        )
