"""The triggers for what became of our own texts and emails: they arrived, or will not."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.facts import Facts, Group
from automations.names import Names
from automations.triggers.base import Trigger, allows
from crm.core.errors import N_
from crm.core.events import Event
from crm.messaging.events import DeliveryFailed, DeliveryReported, OfMessage
from crm.web.language import _

NOT_OURS = (None, "keyword")
"""Who queued what does not count: whatever answers STOP or HELP by itself."""


class AboutMessage(Trigger):
    """What both ask of a message: its sequence, its channel, and the pipeline of its lead."""

    needs: ClassVar[frozenset[Group]] = frozenset({"passages"})
    is_echo: ClassVar[bool] = True
    automation_id: UUID | None = None
    channel: Literal["sms", "email"] | None = None
    pipeline_id: UUID | None = None

    def is_about(self, event: OfMessage, facts: Facts) -> bool:
        """Return whether such a message is meant; one that a person wrote is of no sequence."""
        sequence_id = event.origin_id and facts.passages.get(event.origin_id)
        return (
            event.origin_kind not in NOT_OURS
            and allows(self.automation_id, sequence_id)
            and allows(self.channel, event.channel)
            and allows(self.pipeline_id, facts.lead and facts.lead.pipeline_id)
        )

    def words(self, names: Names) -> str:
        """Return whose messages, and by what channel."""
        words = super().words(names)
        if self.channel is not None:
            channel = _("texts alone") if self.channel == "sms" else _("emails alone")
            words = _("%(words)s, %(filter)s", words=words, filter=channel)
        if self.automation_id is None:
            return words
        of = _("of the sequence “%(name)s”", name=names.automation(self.automation_id))
        return _("%(words)s, %(filter)s", words=words, filter=of)


class MessageDelivered(AboutMessage):
    """Starts when a provider says that a text or email of ours reached the person."""

    label: ClassVar[str] = N_("A message is delivered")
    listens: ClassVar[tuple[type[Event], ...]] = (DeliveryReported,)
    kind: Literal["delivered"] = "delivered"

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether such a message arrived."""
        return (
            isinstance(event, DeliveryReported)
            and event.status == "delivered"
            and self.is_about(event, facts)
        )


class MessageFailed(AboutMessage):
    """Starts when a text or email of ours did not arrive and is not tried again by itself."""

    label: ClassVar[str] = N_("A message does not arrive")
    listens: ClassVar[tuple[type[Event], ...]] = (DeliveryFailed,)
    kind: Literal["failed"] = "failed"

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether such a message is lost; what was kept back was never on its way."""
        return isinstance(event, DeliveryFailed) and self.is_about(event, facts)
