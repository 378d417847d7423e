"""What every condition is: typed, strict, and pure over facts."""

from collections.abc import Mapping
from typing import Any, ClassVar

from automations.facts import Facts, Group
from automations.parts import Part


class Condition(Part):
    """A question about the facts; `history` names what keeps the fact's past values.

    A history is an event's name or `field_changes:<table>.<field>`, so that a rehearsal can ask
    what the fact was at an earlier time. With `is_as_of_now` nothing keeps them. `needs` are the
    groups of facts that it looks at.
    """

    history: ClassVar[tuple[str, ...]]
    is_as_of_now: ClassVar[bool] = False
    needs: ClassVar[frozenset[Group]] = frozenset()

    def asks(self) -> frozenset[Group]:
        """Return the groups of facts that it and the conditions in it look at."""
        return self.needs

    def holds(self, facts: Facts) -> bool:
        """Return whether the facts meet this condition."""
        raise TypeError(f"{type(self).__name__} does not say when it holds")

    def found(self, facts: Facts) -> Mapping[str, Any]:
        """Return whether it holds and what it looked at, as ids and codes, for the step run."""
        return {"kind": self.kind, "holds": self.holds(facts), **self.looked_at(facts)}

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it looked at where the facts of every step run do not tell that."""
        return {}
