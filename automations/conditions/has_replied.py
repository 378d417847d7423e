"""The condition that the person answered."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _


class HasReplied(Condition):
    """Holds for people who have answered since they entered the sequence."""

    label: ClassVar[str] = N_("Has replied")
    history: ClassVar[tuple[str, ...]] = ("text.received",)
    needs: ClassVar[frozenset[Group]] = frozenset({"clock", "replies"})
    kind: Literal["has_replied"] = "has_replied"

    def holds(self, facts: Facts) -> bool:
        """Return whether they have; who has not entered yet has not."""
        since, at = facts.moment.since, facts.replied_at
        return since is not None and at is not None and at > since

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        return {"was": facts.replied_at.isoformat() if facts.replied_at else None}

    def words(self, names: Names) -> str:
        """Return what it asks."""
        return _("Has replied since entering")
