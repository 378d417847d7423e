"""The triggers of automations; a new one is a file and a line of the tuple."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from automations.triggers.base import Trigger
from automations.triggers.by_hand import ByHand
from automations.triggers.campaign import ReachedByCampaign
from automations.triggers.date_reached import DateReached
from automations.triggers.delivered import MessageDelivered, MessageFailed
from automations.triggers.form_submitted import FormSubmitted
from automations.triggers.inbound_reply import InboundReply
from automations.triggers.lead_created import LeadWasCreated
from automations.triggers.no_reply import NoReply
from automations.triggers.requested_again import RequestedAgain
from automations.triggers.stage_entered import StageEntered
from automations.triggers.stage_left import StageLeft
from automations.triggers.stage_stuck import StageStuck
from automations.triggers.tag_added import TagAdded
from automations.triggers.task_done import TaskWasDone
from automations.triggers.task_overdue import TaskOverdue

TRIGGERS = (
    *(LeadWasCreated, RequestedAgain, FormSubmitted, StageEntered, StageLeft, InboundReply),
    *(TagAdded, TaskWasDone, MessageDelivered, MessageFailed, ByHand, ReachedByCampaign),
    *(StageStuck, NoReply, TaskOverdue, DateReached),
)

if TYPE_CHECKING:
    AnyTrigger = Trigger
else:
    AnyTrigger = Annotated[Union[TRIGGERS], Field(discriminator="kind")]  # noqa: UP007
