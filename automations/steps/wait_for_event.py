"""The step that waits for something to happen, and goes another way when it does not."""

from typing import TYPE_CHECKING, ClassVar, Literal

from automations.names import Names
from automations.outcomes import Listen, Outcome, Take
from automations.steps.base import Run
from automations.steps.wait_for import Lasting
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _

if TYPE_CHECKING:
    from automations.steps.base import Step as AnyStep

EventCode = Literal[
    "replied", "delivered", "stage_changed", "tag_added", "task_done", "form_submitted"
]
EVENTS: dict[EventCode, str] = {
    "replied": N_("they reply"),
    "delivered": N_("the last text is delivered"),
    "stage_changed": N_("the lead moves to another stage"),
    "tag_added": N_("a tag is put on the lead"),
    "task_done": N_("a task of the lead is done"),
    "form_submitted": N_("they ask again"),
}


class WaitForEvent(Lasting):
    """Wait for an event, at most so long; then take the steps of `happened` or of `timed_out`.

    What happened since the step before counts, too: an answer that comes before the wait begins.
    """

    label: ClassVar[str] = N_("Wait for an event")
    arms: ClassVar[tuple[str, ...]] = ("happened", "timed_out")
    kind: Literal["wait_for_event"] = "wait_for_event"
    event: EventCode
    happened: tuple["AnyStep", ...] = ()
    timed_out: tuple["AnyStep", ...] = ()

    def decide(self, run: Run) -> Outcome:
        """Begin to wait, or go the way of what happened; the event is on record."""
        if run.heard is not None:
            because = {"kind": "event", "event": self.event, "event_id": str(run.heard.event_id)}
            return Outcome(then=Take(0, "happened"), because=(because,))
        until = run.waits_until or self.end(run)
        if until <= run.now:
            return Outcome(then=Take(1, "timed_out"))
        return Outcome(then=Listen(self.event, until))

    def words(self, names: Names) -> str:
        """Return what it waits for, and how long."""
        return _(
            "Wait until %(event)s, at most %(span)s",
            event=_(EVENTS[self.event]),
            span=formats.span(self.days, self.hours, self.minutes),
        )
