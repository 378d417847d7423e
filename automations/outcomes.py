"""What a step decides: effects for the runner to write, and what comes then. Frozen data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID


@dataclass(frozen=True)
class QueueText:
    """A text or email to queue; whether and when it may leave is the gate's business."""

    contact_id: UUID
    lead_id: UUID | None
    template_id: UUID
    dedupe_key: str
    useful_until: datetime
    channel: Literal["sms", "email"] = "sms"


@dataclass(frozen=True)
class MoveLead:
    """A lead to move to another stage of its pipeline."""

    lead_id: UUID
    to_stage_id: UUID


@dataclass(frozen=True)
class AddTask:
    """A task to set about the lead, for one person; all day on the day of `due_at`."""

    lead_id: UUID
    title: str
    due_at: datetime
    assignee_id: UUID
    key: str


@dataclass(frozen=True)
class TagLead:
    """Tags to put on a lead and to take off, by their names."""

    lead_id: UUID
    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class AssignLead:
    """A lead to give to the next of these people whose turn it is; turns are counted by place."""

    lead_id: UUID
    user_ids: tuple[UUID, ...]
    turns_id: UUID
    key: str


@dataclass(frozen=True)
class SetDetail:
    """A detail of a lead to write: its service, its value in cents, or its follow-up day."""

    lead_id: UUID
    field: Literal["service", "value", "follow_up"]
    value: str | int | date | None


@dataclass(frozen=True)
class StartOther:
    """Another automation to start for the same subject, by its own rules of entry."""

    automation_id: UUID


@dataclass(frozen=True)
class StopOther:
    """Another automation that the subject shall leave."""

    automation_id: UUID


@dataclass(frozen=True)
class NotifyStaff:
    """Something to tell a user about a lead, or everybody (None); the same id is told once."""

    id: UUID
    lead_id: UUID
    user_id: UUID | None
    message: str
    key: str


OnLead = MoveLead | AddTask | TagLead | AssignLead | SetDetail | NotifyStaff
Effect = QueueText | OnLead | StartOther | StopOther


@dataclass(frozen=True)
class Next:
    """Go on with the next step at once."""


@dataclass(frozen=True)
class Take:
    """Go on at once with a branch of the step; `name` is how step runs call it."""

    branch: int
    name: str


@dataclass(frozen=True)
class WaitUntil:
    """Go on with the next step at this instant."""

    at: datetime


@dataclass(frozen=True)
class Listen:
    """Stay on this step until an event happens or this instant comes, and decide again then.

    `event` is a code of `hearing.EVENTS`, or of a date whose changes are heard.
    """

    event: str
    until: datetime


@dataclass(frozen=True)
class AwaitSettled:
    """Go on with the next step when what was queued is sent, blocked or failed."""


@dataclass(frozen=True)
class Exit:
    """Leave the sequence; the reason is a code."""

    reason: str


Then = Next | Take | WaitUntil | Listen | AwaitSettled | Exit


@dataclass(frozen=True)
class Outcome:
    """The decision of one step; `skipped` is a code where the step had nothing to do.

    `because` is what the conditions that were asked found, as ids and codes.
    """

    effects: tuple[Effect, ...] = ()
    then: Then = Next()
    skipped: str | None = None
    because: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
