"""The steps of sequences; a new one is a file and a line of the tuple."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from automations.steps.base import Step
from automations.steps.move_stage import MoveStage
from automations.steps.send_email import SendEmail
from automations.steps.send_text import SendText
from automations.steps.stop import Stop
from automations.steps.wait_for import WaitFor
from automations.steps.wait_until import WaitUntilTime

STEPS = (SendText, SendEmail, WaitFor, WaitUntilTime, MoveStage, Stop)

if TYPE_CHECKING:
    AnyStep = Step
else:
    AnyStep = Annotated[Union[STEPS], Field(discriminator="kind")]  # noqa: UP007
