"""The step that waits for a day which is kept with the lead."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from automations.names import Names
from automations.outcomes import Exit, Listen, Outcome
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _

MORNING = time(9)
"""When a day begins to which no hours are added, on the clinic's clock."""


class WaitForDate(Step):
    """Wait for a day of the lead's, so many days and hours later or earlier; it may be moved.

    A day counts from nine in the morning. Whoever has no such day, or has it taken away, leaves
    the sequence: what was to come was about that day. One that is over already is not waited for.
    """

    label: ClassVar[str] = N_("Wait for a date")
    waits: ClassVar[bool] = True
    kind: Literal["wait_for_date"] = "wait_for_date"
    field: Literal["follow_up"] = "follow_up"
    days: Annotated[int, Field(ge=-365, le=365)] = 0
    hours: Annotated[int, Field(ge=-23, le=23)] = 0

    def decide(self, run: Run) -> Outcome:
        """Wait until then as it stands now; a moved day is heard of, and decided anew."""
        day = run.facts.lead.follow_up_on if run.facts.lead else None
        if day is None:
            return Outcome(then=Exit("no_date"))
        morning = datetime.combine(day + timedelta(days=self.days), MORNING, run.zone)
        at = morning.astimezone(UTC) + timedelta(hours=self.hours)
        because = ({"kind": "date", "field": self.field, "at": at.isoformat()},)
        if at <= run.now:
            return Outcome(because=because)
        return Outcome(then=Listen(f"date:{self.field}", at), because=because)

    def words(self, names: Names) -> str:
        """Return which day it waits for, and how long before or after."""
        later = abs(self.days * 24 + self.hours)
        span = formats.span(later // 24, later % 24)
        if self.days * 24 + self.hours < 0:
            return _("Wait until %(span)s before the follow-up day", span=span)
        if later:
            return _("Wait until %(span)s after the follow-up day", span=span)
        return _("Wait until the follow-up day")
