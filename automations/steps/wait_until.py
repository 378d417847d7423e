"""The step that waits for a time of day."""

from datetime import UTC, datetime, timedelta
from datetime import time as TimeOfDay
from typing import ClassVar, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import field_serializer, field_validator

from automations.names import Names
from automations.outcomes import Outcome, WaitUntil
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
NOT_A_TIME = N_("Write this as a time of day, such as 09:30.")


class WaitUntilTime(Step):
    """Wait for the next time the clinic's clock shows `time`, on a weekday where one is given.

    A time that the clocks jump over is taken as late as the jump is long; of a time that comes
    twice the first counts.
    """

    label: ClassVar[str] = N_("Wait until")
    kind: Literal["wait_until"] = "wait_until"
    time: TimeOfDay
    weekday: Weekday | None = None

    @field_validator("time", mode="before")
    @classmethod
    def _is_hours_and_minutes(cls, value: object) -> TimeOfDay:
        try:
            return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a clock's face
        except ValueError:
            raise ValueError(NOT_A_TIME) from None

    @field_serializer("time")
    def _as_typed(self, value: TimeOfDay) -> str:
        return value.strftime("%H:%M")

    def decide(self, run: Run) -> Outcome:
        """Wait until the next such time after now."""
        return Outcome(then=WaitUntil(self.after(run.now, run.zone)))

    def after(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return the first such instant after `now`, in UTC."""
        today = now.astimezone(zone).date()
        for days in range(9):
            date = today + timedelta(days=days)
            if self.weekday is not None and WEEKDAYS[date.weekday()] != self.weekday:
                continue
            at = datetime.combine(date, self.time, zone).astimezone(UTC)
            if at > now:
                return at
        raise AssertionError("nine days hold every weekday after now")

    def words(self, names: Names) -> str:
        """Return until when it waits."""
        weekday = None if self.weekday is None else WEEKDAYS.index(self.weekday)
        return _("Wait until %(time)s", time=formats.clock(self.time, weekday))
