"""The condition on the lead's pipeline."""

from typing import ClassVar, Literal
from uuid import UUID

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _


class PipelineIs(Condition):
    """Holds for leads in this pipeline."""

    label: ClassVar[str] = N_("Pipeline is")
    history: ClassVar[tuple[str, ...]] = ("lead.created",)
    kind: Literal["pipeline_is"] = "pipeline_is"
    pipeline_id: UUID

    def holds(self, facts: Facts) -> bool:
        """Return whether the lead is in the pipeline; without a lead it is not."""
        return facts.lead is not None and facts.lead.pipeline_id == self.pipeline_id

    def words(self, names: Names) -> str:
        """Return which pipeline it asks for."""
        return _("Pipeline is “%(name)s”", name=names.pipeline(self.pipeline_id))
