"""What happens to leads."""

from datetime import datetime
from uuid import UUID

from crm.core.events import Event


class LeadCreated(Event):
    """An appointment request, or a person at the desk, became a lead. Order key: the lead."""

    name = "lead.created"

    pipeline_id: UUID
    stage_id: UUID
    source: str
    request_id: UUID | None = None


class LeadRequestedAgain(Event):
    """A contact with an open lead asked again; the request is on that lead."""

    name = "lead.requested_again"

    pipeline_id: UUID
    stage_id: UUID
    source: str
    request_id: UUID


class LeadStageChanged(Event):
    """A lead moved from one stage to another."""

    name = "lead.stage_changed"

    move_id: UUID
    pipeline_id: UUID
    from_stage_id: UUID
    to_stage_id: UUID
    from_kind: str
    to_kind: str


class LeadPlaced(Event):
    """A lead got another place within its stage. Order key: the lead."""

    name = "lead.placed"

    pipeline_id: UUID
    stage_id: UUID


class LeadReplyDueChanged(Event):
    """Another time holds by which a patient should hear from somebody, or none. Order: the lead."""

    name = "lead.reply_due_changed"


class LeadReplyWaived(Event):
    """Somebody said that what a patient asked or wrote needs no answer. Order key: the lead.

    It holds for what came until `seen_at`, when the page was made on which it was said.
    """

    name = "lead.reply_waived"

    seen_at: datetime


class LeadReplyWanted(Event):
    """Somebody took back that no answer is needed. Order key: the lead."""

    name = "lead.reply_wanted"


class LeadUnreadChanged(Event):
    """A patient's words wait on a lead to be read, or somebody read them. Order key: the lead."""

    name = "lead.unread_changed"

    is_unread: bool
