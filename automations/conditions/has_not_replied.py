"""The condition that the person has not answered."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from automations.conditions.base import Condition
from automations.conditions.has_replied import HasReplied
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _

ANSWER = HasReplied()


class HasNotReplied(Condition):
    """Holds for people who have not answered since they entered the sequence."""

    label: ClassVar[str] = N_("Has not replied")
    history: ClassVar[tuple[str, ...]] = HasReplied.history
    needs: ClassVar[frozenset[Group]] = HasReplied.needs
    kind: Literal["has_not_replied"] = "has_not_replied"

    def holds(self, facts: Facts) -> bool:
        """Return whether they have not."""
        return not ANSWER.holds(facts)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return when they answered last."""
        return ANSWER.looked_at(facts)

    def words(self, names: Names) -> str:
        """Return what it asks."""
        return _("Has not replied since entering")
