"""The step that waits for a span of time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from automations.names import Names
from automations.outcomes import Outcome, WaitUntil
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _

LONGEST = timedelta(days=365)
TOO_LONG = N_("A wait lasts at most 365 days.")
NO_TIME = N_("Say how long to wait: days, hours or minutes.")


class Lasting(Step):
    """A step that waits for days, hours and minutes, at most so long.

    Days are the clinic's: a day after 10:00 is 10:00, also over a change of the clocks.
    """

    waits: ClassVar[bool] = True
    days: Annotated[int, Field(ge=0, le=365)] = 0
    hours: Annotated[int, Field(ge=0, le=8760)] = 0
    minutes: Annotated[int, Field(ge=0, le=525_600)] = 0

    @property
    def span(self) -> timedelta:
        """The wait, a day counting as 24 hours."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)

    @model_validator(mode="after")
    def _is_a_wait(self) -> Self:
        if not self.span:
            raise ValueError(NO_TIME)
        if self.span > LONGEST:
            raise ValueError(TOO_LONG)
        return self

    def end(self, run: Run) -> datetime:
        """Return the same time of day so many days after now, and then the hours and minutes."""
        at = run.now.astimezone(UTC)
        if self.days:
            at = (at.astimezone(run.zone) + timedelta(days=self.days)).astimezone(UTC)
        return at + timedelta(hours=self.hours, minutes=self.minutes)


class WaitFor(Lasting):
    """Wait for days, hours and minutes."""

    label: ClassVar[str] = N_("Wait for")
    kind: Literal["wait_for"] = "wait_for"

    def decide(self, run: Run) -> Outcome:
        """Wait until then."""
        return Outcome(then=WaitUntil(self.end(run)))

    def words(self, names: Names) -> str:
        """Return how long it waits, spelled out."""
        return _("Wait %(span)s", span=formats.span(self.days, self.hours, self.minutes))
