"""The condition on the lead's tags."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.contacts.names import fold
from crm.core.errors import N_
from crm.web.language import _


class HasTag(Condition):
    """Holds for leads that are marked with this tag; the name's case and accents do not matter."""

    label: ClassVar[str] = N_("Has the tag")
    history: ClassVar[tuple[str, ...]] = ("lead.tagged", "lead.untagged")
    needs: ClassVar[frozenset[Group]] = frozenset({"tags"})
    kind: Literal["has_tag"] = "has_tag"
    tag: Annotated[str, Field(min_length=1, max_length=40)]

    @property
    def _folded(self) -> str:
        return " ".join(fold(self.tag))

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead has the tag; without a lead it has none."""
        return self._folded in facts.tags

    def looked_at(self, facts: Facts) -> Mapping[str, Any]:
        """Return what it was."""
        tag_id = facts.tags.get(self._folded)
        return {"was": str(tag_id) if tag_id else None}

    def words(self, names: Names) -> str:
        """Return which tag it asks for."""
        return _("Has the tag “%(tag)s”", tag=self.tag)
