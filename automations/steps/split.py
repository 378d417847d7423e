"""The step that sends people different ways by shares."""

import hashlib
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from automations.names import Names
from automations.outcomes import Outcome, Take
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _

if TYPE_CHECKING:
    from automations.steps.base import Step as AnyStep

NOT_A_HUNDRED = N_("The shares make 100 percent together.")


class Share(BaseModel):
    """A branch, and how many of a hundred take it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Annotated[int, Field(ge=1, le=99)]
    steps: tuple["AnyStep", ...] = ()


class Split(Step):
    """Take one of the branches by chance: the same person at the same place always the same one."""

    label: ClassVar[str] = N_("Split")
    arms: ClassVar[tuple[str, ...]] = ("branches.*.steps",)
    kind: Literal["split"] = "split"
    branches: Annotated[tuple[Share, ...], Field(min_length=2, max_length=5)]

    @field_validator("branches")
    @classmethod
    def _make_a_hundred(cls, branches: tuple[Share, ...]) -> tuple[Share, ...]:
        if sum(share.percent for share in branches) != 100:
            raise ValueError(NOT_A_HUNDRED)
        return branches

    def decide(self, run: Run) -> Outcome:
        """Take the branch in whose share this person falls; where that was is on record."""
        drawn = draw(f"{run.automation_id}:{run.path}:{run.contact_id}")
        ends = accumulate(share.percent for share in self.branches)
        index = next(index for index, end in enumerate(ends) if drawn < end)
        return Outcome(then=Take(index, str(index)), because=({"kind": "split", "drawn": drawn},))

    def words(self, names: Names) -> str:
        """Return the shares."""
        shares = " / ".join(str(share.percent) for share in self.branches)
        return _("Split %(shares)s percent", shares=shares)


def draw(seed: str) -> int:
    """Return a number from 0 to 99 that follows from the seed, each as likely as any other."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest()) % 100
