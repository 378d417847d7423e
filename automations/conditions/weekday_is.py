"""The condition on the day of the week."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from babel.dates import get_day_names
from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from automations.times import WEEKDAYS, Weekday
from crm.core.errors import N_
from crm.web.formats import any_of
from crm.web.language import _, current_language


class WeekdayIs(Condition):
    """Holds on these days of the week, by the clinic's clock."""

    label: ClassVar[str] = N_("It is the weekday")
    history: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[Group]] = frozenset({"clock"})
    kind: Literal["weekday_is"] = "weekday_is"
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]

    def holds(self, facts: Facts) -> bool:
        """Return whether it is such a day."""
        return WEEKDAYS[facts.moment.local.weekday()] in self.weekdays

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": WEEKDAYS[facts.moment.local.weekday()]}

    def words(self, names: Names) -> str:
        """Return which days."""
        names_of = get_day_names(locale=current_language())
        days = any_of(names_of[WEEKDAYS.index(day)] for day in self.weekdays)
        return _("It is %(days)s", days=days)
