"""The condition that an email address is known."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from crm.core.errors import N_


class HasEmail(Condition):
    """Holds for people of whom an email address is known."""

    label: ClassVar[str] = N_("Has an email address")
    history: ClassVar[tuple[str, ...]] = ()
    is_as_of_now: ClassVar[bool] = True
    needs: ClassVar[frozenset[Group]] = frozenset({"reach"})
    kind: Literal["has_email"] = "has_email"

    def holds(self, facts: Facts) -> bool:
        """Return whether there is one."""
        return facts.reach.has_email
