"""The trigger for people who do not answer."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from automations.events import ReplyStayedOut
from automations.facts import Facts, Group
from automations.names import Names
from automations.triggers.timed import TimedTrigger
from crm.core.errors import N_
from crm.core.events import Event
from crm.web import formats
from crm.web.language import _


class NoReply(TimedTrigger):
    """Starts when we wrote last, and for so many days the person has not answered.

    A text, a further request and a call in which one spoke are answers.
    """

    label: ClassVar[str] = N_("No reply comes")
    listens: ClassVar[tuple[type[Event], ...]] = (ReplyStayedOut,)
    needs: ClassVar[frozenset[Group]] = frozenset({"replies", "texts"})
    kind: Literal["no_reply"] = "no_reply"
    days: Annotated[int, Field(ge=1, le=365)]

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is the number of days, and nobody has written since."""
        return (
            isinstance(event, ReplyStayedOut)
            and event.days == self.days
            and facts.texted.wrote_at == event.since
            and (facts.replied_at is None or facts.replied_at < event.since)
            and self.stands(facts.lead)
        )

    def words(self, names: Names) -> str:
        """Return for how long, and whose."""
        words, span = super().words(names), formats.span(self.days)
        return _("%(words)s, for %(span)s", words=words, span=span)
