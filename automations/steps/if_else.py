"""The step that goes one way or the other."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from automations.conditions import AnyCondition
from automations.facts import Group
from automations.names import Names
from automations.outcomes import Outcome, Take
from automations.steps.base import Run, Step
from crm.core.errors import N_
from crm.web.language import _

if TYPE_CHECKING:
    from automations.steps.base import Step as AnyStep

NO_STEPS = N_("Put a step into one of the two ways.")


class IfElse(Step):
    """Take the steps of `then` where its conditions hold, those of `otherwise` where not."""

    label: ClassVar[str] = N_("If / else")
    arms: ClassVar[tuple[str, ...]] = ("then", "otherwise")
    kind: Literal["if_else"] = "if_else"
    match: Literal["all", "any"] = "all"
    conditions: Annotated[tuple[AnyCondition, ...], Field(min_length=1, max_length=10)]
    then: tuple["AnyStep", ...] = ()
    otherwise: tuple["AnyStep", ...] = ()

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not self.then and not self.otherwise:
            raise ValueError(NO_STEPS)
        return self

    def asks(self) -> frozenset[Group]:
        """Return what it asks of a person."""
        return super().asks().union(*(condition.asks() for condition in self.conditions))

    def decide(self, run: Run) -> Outcome:
        """Go the way that the conditions say; all of them are on record."""
        because = tuple(condition.found(run.facts) for condition in self.conditions)
        together = all if self.match == "all" else any
        holds = together(one["holds"] for one in because)
        way = Take(0, "then") if holds else Take(1, "otherwise")
        return Outcome(then=way, because=because)

    def words(self, names: Names) -> str:
        """Return what it asks."""
        joint = _(" and ") if self.match == "all" else _(" or ")
        return _(
            "If %(conditions)s", conditions=joint.join(one.words(names) for one in self.conditions)
        )
