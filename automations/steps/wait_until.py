"""The step that waits for a time of day."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import model_validator

from automations.facts import Group
from automations.names import Names
from automations.outcomes import Outcome, WaitUntil
from automations.steps.base import Run, Step
from automations.times import WEEKDAYS, TimeOfDay, Weekday
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _

WEEKEND = ("saturday", "sunday")
HORIZON_DAYS = 372
"""How far ahead is looked: a weekday on which a clinic works comes within a year, or never."""

NO_SUCH_DAY = N_("Nobody works at the weekend: choose another day, or take every day.")


class WaitUntilTime(Step):
    """Wait for the next time a clock shows `time`, on a weekday where one is given.

    The clock is the clinic's, or the one where the person is likely to be. With `business_days`
    only days count on which the clinic works: Monday to Friday without its days off. A time that
    the clocks jump over is taken as late as the jump is long; of one that comes twice the first
    counts.
    """

    label: ClassVar[str] = N_("Wait until")
    waits: ClassVar[bool] = True
    kind: Literal["wait_until"] = "wait_until"
    time: TimeOfDay
    weekday: Weekday | None = None
    business_days: bool = False
    zone: Literal["clinic", "recipient"] = "clinic"

    @model_validator(mode="after")
    def _comes_again(self) -> Self:
        if self.business_days and self.weekday in WEEKEND:
            raise ValueError(NO_SUCH_DAY)
        return self

    def asks(self) -> frozenset[Group]:
        """Return what it needs to know: the days off, and where the person is."""
        own: set[Group] = {"clock"} if self.business_days else set()
        return super().asks() | own | ({"reach"} if self.zone == "recipient" else set())

    def decide(self, run: Run) -> Outcome:
        """Wait until the next such time after now; there is none where the clinic never works."""
        zone = run.zone
        if self.zone == "recipient" and run.facts.reach.zone is not None:
            zone = ZoneInfo(run.facts.reach.zone)
        closed_on = run.facts.moment.closed_on if self.business_days else frozenset()
        at = self.after(run.now, zone, closed_on)
        return Outcome(skipped="no_such_day") if at is None else Outcome(then=WaitUntil(at))

    def after(
        self, now: datetime, zone: ZoneInfo, closed_on: Collection[date] = ()
    ) -> datetime | None:
        """Return the first such instant after `now`, in UTC; None where none comes in a year."""
        today = now.astimezone(zone).date()
        for days in range(HORIZON_DAYS):
            day = today + timedelta(days=days)
            if not self._counts(day, closed_on):
                continue
            at = datetime.combine(day, self.time, zone).astimezone(UTC)
            if at > now:
                return at
        return None

    def _counts(self, day: date, closed_on: Collection[date]) -> bool:
        weekday = WEEKDAYS[day.weekday()]
        if self.business_days and (weekday in WEEKEND or day in closed_on):
            return False
        return self.weekday in (None, weekday)

    def words(self, names: Names) -> str:
        """Return until when it waits."""
        weekday = None if self.weekday is None else WEEKDAYS.index(self.weekday)
        time = formats.clock(self.time, weekday)
        words = _("Wait until %(time)s", time=time)
        if self.business_days:
            words = _("Wait until %(time)s of a working day", time=time)
        return _("%(wait)s, where they are", wait=words) if self.zone == "recipient" else words
