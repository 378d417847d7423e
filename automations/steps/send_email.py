"""The step that sends an email."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from automations.asking import Ask
from automations.names import Names
from automations.outcomes import AwaitSettled, Outcome, QueueText
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _


class SendEmail(Step):
    """Queue an email and wait until it is settled; whether and when it may leave is the gate's.

    After `useful_hours` an email that is still held is not worth sending.
    """

    label: ClassVar[str] = N_("Send an email")
    speaks: ClassVar[str] = "email"
    kind: Literal["send_email"] = "send_email"
    template_id: Annotated[UUID, Ask(N_("Template"), choices="emails")]
    useful_hours: Annotated[int, Field(ge=1, le=720)] = 72

    def decide(self, run: Run) -> Outcome:
        """Queue the email under the key of this run."""
        email = QueueText(
            contact_id=run.contact_id,
            lead_id=run.facts.lead.id if run.facts.lead else None,
            template_id=self.template_id,
            dedupe_key=run.key,
            useful_until=run.now + timedelta(hours=self.useful_hours),
            channel="email",
        )
        return Outcome((email,), then=AwaitSettled())

    def words(self, names: Names) -> str:
        """Return which email it sends, by its template's name."""
        return _("Send the email “%(name)s”", name=names.template(self.template_id))
