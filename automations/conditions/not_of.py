"""The condition that another one does not hold."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _

if TYPE_CHECKING:
    from automations.conditions.base import Condition as AnyCondition


class Not(Condition):
    """Holds where its condition does not; where there is no lead to ask about, too."""

    label: ClassVar[str] = N_("Not")
    history: ClassVar[tuple[str, ...]] = ()
    kind: Literal["not"] = "not"
    of: "AnyCondition"

    def asks(self) -> frozenset[Group]:
        """Return what the conditions in it look at."""
        return self.of.asks()

    def holds(self, facts: Facts) -> bool:
        """Return whether it does not hold."""
        return not self.of.holds(facts)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what each of its conditions found."""
        return {"of": [self.of.found(facts)]}

    def words(self, names: Names) -> str:
        """Return what must not be so."""
        return _("not: %(condition)s", condition=self.of.words(names))
