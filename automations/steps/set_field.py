"""The step that writes a detail of the lead."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from automations.names import Names
from automations.outcomes import Outcome, SetDetail
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.formats import money
from crm.web.language import _, ngettext

NOT_A_NUMBER = N_("Write this as a whole number.")
MOST = {"value": 100_000_000_00, "follow_up": 3650}


class SetField(Step):
    """Write the lead's service, its value in cents, or so many days from now as its follow-up day.

    Without a value the service and the day are emptied, and the value is none.
    """

    label: ClassVar[str] = N_("Set a detail")
    kind: Literal["set_field"] = "set_field"
    field: Literal["service", "value", "follow_up"]
    value: Annotated[str | int | None, Field(union_mode="left_to_right")] = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.field == "service":
            if self.value is not None and len(str(self.value)) > 200:
                raise ValueError(N_("Use at most 200 characters."))
        elif self.value is not None and self._number is None:
            raise ValueError(NOT_A_NUMBER)
        return self

    @property
    def _number(self) -> int | None:
        digits = str(self.value)
        is_number = digits.isascii() and digits.isdigit() and int(digits) <= MOST[self.field]
        return int(digits) if is_number else None

    def decide(self, run: Run) -> Outcome:
        """Write it, unless there is no lead."""
        lead = run.facts.lead
        if lead is None:
            return Outcome(skipped="no_lead")
        number = self._number if self.field != "service" else None
        if self.field == "service":
            return Outcome((SetDetail(lead.id, "service", str(self.value or "") or None),))
        if self.field == "value":
            return Outcome((SetDetail(lead.id, "value", number or 0),))
        today = run.now.astimezone(run.zone).date()
        day = None if number is None else today + timedelta(days=number)
        return Outcome((SetDetail(lead.id, "follow_up", day),))

    def words(self, names: Names) -> str:
        """Return what it writes."""
        if self.field == "value":
            return _("Set the value to %(amount)s", amount=money(self._number or 0))
        if self.value in (None, ""):
            is_day = self.field == "follow_up"
            return _("Empty the follow-up day") if is_day else _("Empty the service")
        if self.field == "service":
            return _("Set the service to “%(service)s”", service=self.value)
        days = ngettext("in %(num)s day", "in %(num)s days", self._number or 0)
        return _("Set the follow-up day to %(days)s", days=days)
