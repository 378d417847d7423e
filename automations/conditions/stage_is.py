"""The condition on where the lead stands."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _


class StageIs(Condition):
    """Holds for leads that stand in this stage."""

    label: ClassVar[str] = N_("Stage is")
    history: ClassVar[tuple[str, ...]] = ("lead.created", "lead.stage_changed")
    kind: Literal["stage_is"] = "stage_is"
    pipeline_id: UUID | None = None
    stage_id: UUID

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead stands in the stage; without a lead it does not."""
        return facts.lead is not None and facts.lead.stage_id == self.stage_id

    def words(self, names: Names) -> str:
        """Return which stage it asks for."""
        return _("Stage is “%(name)s”", name=names.stage(self.stage_id))
