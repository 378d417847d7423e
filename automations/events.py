"""What happens to enrollments."""

from datetime import date, datetime
from uuid import UUID

from crm.core.events import Event


class EnrollmentStarted(Event):
    """A contact entered a sequence. Order key: the lead, or the contact where there is none."""

    name = "enrollment.started"

    enrollment_id: UUID
    automation_id: UUID
    version_id: UUID


class StartRequested(Event):
    """A sequence, or somebody by hand, starts one for a lead or a contact, by its rules of entry.

    Order key: the lead, or the contact where there is none.
    """

    name = "enrollment.start_requested"

    automation_id: UUID


class CampaignReached(StartRequested):
    """A campaign comes to a person: its sequence is started for them, by its rules of entry."""

    name = "campaign.reached"

    campaign_id: UUID


class CampaignChanged(Event):
    """A campaign was started, paused, resumed or stopped, or has finished. Order key: its own."""

    name = "campaign.changed"

    campaign_id: UUID
    state: str


class EnrollmentRefused(Event):
    """A trigger matched but nobody was enrolled; the reason is a code."""

    name = "enrollment.refused"

    automation_id: UUID
    reason: str


class StepTaken(Event):
    """A step was executed; its inputs and outcome are in the step run."""

    name = "enrollment.step_taken"

    enrollment_id: UUID
    step_run_id: UUID
    kind: str


class EnrollmentEnded(Event):
    """A contact left a sequence; the reason is a code."""

    name = "enrollment.ended"

    enrollment_id: UUID
    automation_id: UUID
    reason: str


class SkipUndone(Event):
    """Somebody skipped a step and took that back in time."""

    name = "enrollment.skip_undone"

    enrollment_id: UUID
    step_run_id: UUID


class EnrollmentPaused(Event):
    """Somebody let one passage rest."""

    name = "enrollment.paused"

    enrollment_id: UUID
    automation_id: UUID


class EnrollmentResumed(Event):
    """Somebody let a passage that rested go on."""

    name = "enrollment.resumed"

    enrollment_id: UUID
    automation_id: UUID


class MomentCame(Event):
    """A moment came that no other event tells of, and that a trigger names.

    Order key: the lead, or the contact where there is none. `moment` is when it came, whenever that
    was found; the same `occurrence` starts a sequence once.
    """

    moment: datetime
    occurrence: UUID


class LeadStoodStill(MomentCame):
    """A lead has stood in a stage for so many days, since it entered it."""

    name = "lead.stood_still"

    stage_id: UUID
    since: datetime
    days: int


class ReplyStayedOut(MomentCame):
    """We wrote last to somebody, who has not answered for so many days."""

    name = "reply.stayed_out"

    communication_id: UUID
    since: datetime
    days: int


class TaskBecameOverdue(MomentCame):
    """A task about a lead was not done by when it was due."""

    name = "task.became_overdue"

    task_id: UUID


class DateCame(MomentCame):
    """A day that is kept with a lead came, or so many days before or after it."""

    name = "lead.date_came"

    field: str
    day: date
    days: int
    time: str
