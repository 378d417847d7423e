"""The condition that a phone number is known."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from crm.core.errors import N_


class HasPhone(Condition):
    """Holds for people of whom a phone number is known."""

    label: ClassVar[str] = N_("Has a phone number")
    history: ClassVar[tuple[str, ...]] = ()
    is_as_of_now: ClassVar[bool] = True
    needs: ClassVar[frozenset[Group]] = frozenset({"reach"})
    kind: Literal["has_phone"] = "has_phone"

    def holds(self, facts: Facts) -> bool:
        """Return whether there is one."""
        return facts.reach.has_phone
