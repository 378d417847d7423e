"""The step that sends a text."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from automations.names import Names
from automations.outcomes import AwaitSettled, Outcome, QueueText
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


class SendText(Step):
    """Queue a text and wait until it is settled; whether and when it may leave is the gate's.

    After `useful_hours` a text that is still held is not worth sending.
    """

    label: ClassVar[str] = N_("Send a text")
    speaks: ClassVar[str] = "sms"
    kind: Literal["send_text"] = "send_text"
    template_id: UUID
    useful_hours: Annotated[int, Field(ge=1, le=720)] = 72

    def decide(self, run: Run) -> Outcome:
        """Queue the text under the key of this run."""
        text = QueueText(
            contact_id=run.contact_id,
            lead_id=run.facts.lead.id if run.facts.lead else None,
            template_id=self.template_id,
            dedupe_key=run.key,
            useful_until=run.now + timedelta(hours=self.useful_hours),
        )
        return Outcome((text,), then=AwaitSettled())

    def words(self, names: Names) -> str:
        """Return which text it sends, by its template's name."""
        return _("Send the text “%(name)s”", name=names.template(self.template_id))
