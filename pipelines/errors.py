"""What can be wrong with what is asked of leads and pipelines."""

from crm.core.errors import N_, Invalid


class StageNotInPipeline(Invalid):
    """The stage belongs to another pipeline than the lead."""

    code = "stage_not_in_pipeline"
    title = N_("That stage belongs to another pipeline")


class LostReasonNeeded(Invalid):
    """A lead may be lost only with a reason."""

    code = "lost_reason_needed"
    title = N_("Choose why this lead is lost")


class NoPipeline(Invalid):
    """The clinic has no pipeline with an open stage to put a lead into."""

    code = "no_pipeline"
    title = N_("This clinic has no pipeline for new leads yet")
