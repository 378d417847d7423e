"""What happens to leads."""

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
