"""The step that moves the lead."""

from datetime import timedelta
from typing import ClassVar, Literal
from uuid import UUID

from automations.names import Names
from automations.outcomes import MoveLead, Outcome, WaitUntil
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _

GRACE = timedelta(seconds=5)
"""How long the sequence rests after a move, so that what the move ends, itself too, has ended."""


class MoveStage(Step):
    """Move the lead to another stage of its pipeline."""

    label: ClassVar[str] = N_("Move the lead")
    kind: Literal["move_stage"] = "move_stage"
    pipeline_id: UUID
    stage_id: UUID

    def decide(self, run: Run) -> Outcome:
        """Move the lead, unless there is none, it is in another pipeline, or is there already."""
        lead = run.facts.lead
        if lead is None:
            return Outcome(skipped="no_lead")
        if lead.pipeline_id != self.pipeline_id:
            return Outcome(skipped="other_pipeline")
        if lead.stage_id == self.stage_id:
            return Outcome(skipped="already_there")
        return Outcome((MoveLead(lead.id, self.stage_id),), then=WaitUntil(run.now + GRACE))

    def words(self, names: Names) -> str:
        """Return where to it moves the lead."""
        return _("Move the lead to “%(stage)s”", stage=names.stage(self.stage_id))
