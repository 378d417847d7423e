"""The trigger for tags that are put on leads."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from automations.facts import Facts, Group
from automations.names import Names
from automations.triggers.base import Trigger, allows
from crm.contacts.names import fold
from crm.core.errors import N_
from crm.core.events import Event
from crm.web.language import _
from pipelines.lead.events import LeadTagged


class TagAdded(Trigger):
    """Starts when a lead is marked with the tag, or with any; one that was on already is none."""

    label: ClassVar[str] = N_("A tag is put on a lead")
    listens: ClassVar[tuple[type[Event], ...]] = (LeadTagged,)
    needs: ClassVar[frozenset[Group]] = frozenset({"tags"})
    kind: Literal["tag_added"] = "tag_added"
    pipeline_id: UUID | None = None
    tag: Annotated[str | None, Field(min_length=1, max_length=40)] = None

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is this tag, by its name; one that is off again is none."""
        if not isinstance(event, LeadTagged):
            return False
        is_its = self.tag is None or facts.tags.get(" ".join(fold(self.tag))) == event.tag_id
        return is_its and allows(self.pipeline_id, facts.lead and facts.lead.pipeline_id)

    def words(self, names: Names) -> str:
        """Return which tag."""
        words = super().words(names)
        return _("%(words)s: “%(tag)s”", words=words, tag=self.tag) if self.tag else words
