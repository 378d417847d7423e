"""The steps of sequences; a new one is a file and a line of the tuple."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from automations.conditions import AnyCondition
from automations.steps.assign import Assign
from automations.steps.base import Step
from automations.steps.create_task import CreateTask
from automations.steps.if_else import IfElse
from automations.steps.move_stage import MoveStage
from automations.steps.notify import Notify
from automations.steps.send_email import SendEmail
from automations.steps.send_text import SendText
from automations.steps.set_field import SetField
from automations.steps.split import Share, Split
from automations.steps.start_sequence import StartSequence
from automations.steps.stop import Stop
from automations.steps.stop_sequence import StopSequence
from automations.steps.tag import ChangeTags
from automations.steps.wait_for import WaitFor
from automations.steps.wait_for_date import WaitForDate
from automations.steps.wait_for_event import WaitForEvent
from automations.steps.wait_until import WaitUntilTime

STEPS = (
    *(SendText, SendEmail, WaitFor, WaitUntilTime, WaitForEvent, WaitForDate, IfElse, Split),
    *(CreateTask, Notify, MoveStage, Assign, ChangeTags, SetField, StartSequence, StopSequence),
    Stop,
)

if TYPE_CHECKING:
    AnyStep = Step
else:
    AnyStep = Annotated[Union[STEPS], Field(discriminator="kind")]  # noqa: UP007
    for _kind in (Share, *STEPS):
        _kind.model_rebuild(_types_namespace={"AnyStep": AnyStep, "AnyCondition": AnyCondition})
