"""The condition that the person was texted lately."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.formats import span
from crm.web.language import _


class WasTexted(Condition):
    """Holds for people to whom a text left, or arrived, in so many days."""

    label: ClassVar[str] = N_("Was texted")
    history: ClassVar[tuple[str, ...]] = (
        "communication.settled",
        "communication.delivery_reported",
    )
    needs: ClassVar[frozenset[Group]] = frozenset({"clock", "texts"})
    kind: Literal["was_texted"] = "was_texted"
    days: Annotated[int, Field(ge=1, le=365)]
    is_delivered: bool = False

    def _at(self, facts: Facts) -> datetime | None:
        texted = facts.texted
        return texted.delivered_at if self.is_delivered else texted.sent_at

    def holds(self, facts: Facts) -> bool:
        """Return whether one did."""
        at = self._at(facts)
        return at is not None and at > facts.moment.now - timedelta(days=self.days)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        at = self._at(facts)
        return {"was": at.isoformat() if at else None}

    def words(self, names: Names) -> str:
        """Return in how many days."""
        if self.is_delivered:
            return _("Got a text in the last %(span)s", span=span(self.days))
        return _("Was texted in the last %(span)s", span=span(self.days))
