"""The condition that the clinic works now."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from crm.core.errors import N_


class InBusinessHours(Condition):
    """Holds Monday to Friday within the clinic's hours, but on none of its days off."""

    label: ClassVar[str] = N_("In the clinic's hours")
    history: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[Group]] = frozenset({"clock"})
    kind: Literal["in_business_hours"] = "in_business_hours"

    def holds(self, facts: Facts) -> bool:
        """Return whether it does."""
        moment = facts.moment
        local, (first, last) = moment.local, moment.hours
        works = local.weekday() < 5 and local.date() not in moment.closed_on
        return works and first <= local.hour < last

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": f"{facts.moment.local:%Y-%m-%dT%H:%M}"}
