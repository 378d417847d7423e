"""The condition on who has the lead."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _


class OwnerIs(Condition):
    """Holds for leads of this person; without one named, for leads that anybody has."""

    label: ClassVar[str] = N_("Owner is")
    history: ClassVar[tuple[str, ...]] = ("field_changes:leads.owner_id",)
    kind: Literal["owner_is"] = "owner_is"
    user_id: UUID | None = None

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead is that person's, or anybody's at all."""
        owner_id = facts.lead.owner_id if facts.lead else None
        return owner_id is not None and self.user_id in (None, owner_id)

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        owner_id = facts.lead.owner_id if facts.lead else None
        return {"was": str(owner_id) if owner_id else None}

    def words(self, names: Names) -> str:
        """Return whose lead it asks for."""
        if self.user_id is None:
            return _("Somebody has the lead")
        return _("%(name)s has the lead", name=names.person(self.user_id))
