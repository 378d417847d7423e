"""What every condition is: typed, strict, and pure over facts."""

from typing import ClassVar

from automations.facts import Facts
from automations.parts import Part


class Condition(Part):
    """A question about the facts; `history` names what keeps the fact's past values.

    A history is an event's name or `field_changes:<table>.<field>`, so that a rehearsal can ask
    what the fact was at an earlier time.
    """

    history: ClassVar[tuple[str, ...]]

    def holds(self, facts: Facts) -> bool:
        """Return whether the facts meet this condition."""
        raise TypeError(f"{type(self).__name__} does not say when it holds")
