"""The condition on the time of day."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from automations.times import TimeOfDay
from crm.core.errors import N_
from crm.web.formats import clock
from crm.web.language import _


class TimeIsBetween(Condition):
    """Holds from one time of day to before another, perhaps over midnight, at the clinic."""

    label: ClassVar[str] = N_("It is between")
    history: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[Group]] = frozenset({"clock"})
    kind: Literal["time_is_between"] = "time_is_between"
    start: TimeOfDay
    end: TimeOfDay

    def holds(self, facts: Facts) -> bool:
        """Return whether it is."""
        now = facts.moment.local.time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": f"{facts.moment.local:%H:%M}"}

    def words(self, names: Names) -> str:
        """Return between which times."""
        return _(
            "It is between %(start)s and %(end)s", start=clock(self.start), end=clock(self.end)
        )
