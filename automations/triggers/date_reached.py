"""The trigger for days that are kept with leads."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from automations.events import DateCame
from automations.facts import Facts
from automations.names import Names
from automations.times import TimeOfDay
from automations.triggers.timed import TimedTrigger
from crm.core.errors import N_
from crm.core.events import Event
from crm.web import formats
from crm.web.language import _


class DateReached(TimedTrigger):
    """Starts on a day of the lead's, or so many days before or after it, at a time of day.

    The clock is the clinic's. Another day is a new one; one that is over when it is set starts
    nothing.
    """

    label: ClassVar[str] = N_("A date is reached")
    listens: ClassVar[tuple[type[Event], ...]] = (DateCame,)
    kind: Literal["date_reached"] = "date_reached"
    field: Literal["follow_up"] = "follow_up"
    days: Annotated[int, Field(ge=-365, le=365)] = 0
    time: TimeOfDay = time(9)

    def moment_of(self, day: date, zone: ZoneInfo) -> datetime:
        """Return when it starts for a lead with this day, in UTC."""
        on = day + timedelta(days=self.days)
        return datetime.combine(on, self.time, zone).astimezone(UTC)

    def last_day(self, at: datetime, zone: ZoneInfo) -> date:
        """Return the last day whose moment is not after an instant."""
        day = at.astimezone(zone).date() - timedelta(days=self.days)
        return day if self.moment_of(day, zone) <= at else day - timedelta(days=1)

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is this distance from the day, which was not moved since."""
        lead = facts.lead
        return (
            isinstance(event, DateCame)
            and lead is not None
            and (event.field, event.days) == (self.field, self.days)
            and event.time == f"{self.time:%H:%M}"
            and lead.follow_up_on == event.day
            and self.stands(lead)
        )

    def words(self, names: Names) -> str:
        """Return which day, how long before or after it, and at what time."""
        at, span = formats.clock(self.time), formats.span(abs(self.days))
        if self.days < 0:
            when = _("%(span)s before the follow-up day at %(time)s", span=span, time=at)
        elif self.days:
            when = _("%(span)s after the follow-up day at %(time)s", span=span, time=at)
        else:
            when = _("on the follow-up day at %(time)s", time=at)
        return _("%(words)s, %(filter)s", words=super().words(names), filter=when)
