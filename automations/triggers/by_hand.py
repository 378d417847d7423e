"""The trigger of sequences that nothing starts but a person, or another sequence."""

from typing import ClassVar, Literal

from automations.events import StartRequested
from automations.facts import Facts
from automations.triggers.base import Trigger
from crm.core.errors import N_
from crm.core.events import Event


class ByHand(Trigger):
    """Starts where somebody says so: who is named by a start enters, whatever the trigger is."""

    label: ClassVar[str] = N_("Started by hand")
    listens: ClassVar[tuple[type[Event], ...]] = (StartRequested,)
    kind: Literal["by_hand"] = "by_hand"

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is a start; whose it is was asked before."""
        return isinstance(event, StartRequested)
