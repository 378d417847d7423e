"""What every trigger is: typed, strict, and pure over an event and facts."""

from typing import ClassVar

from automations.facts import Facts
from automations.parts import Part
from crm.core.events import Event


class Trigger(Part):
    """Says which events start an automation; a filter that is not given matches everything."""

    listens: ClassVar[tuple[type[Event], ...]]

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the event starts the automation for the person the facts are about."""
        raise TypeError(f"{type(self).__name__} does not say what it matches")


def allows(wanted: object | None, actual: object) -> bool:
    """Return whether a filter lets a value through; one that is not given lets all through."""
    return wanted is None or wanted == actual
