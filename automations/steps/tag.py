"""The step that puts tags on the lead and takes them off."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from automations.names import Names
from automations.outcomes import Outcome, TagLead
from automations.steps.base import Run, Step
from crm.contacts.names import fold
from crm.core.errors import N_
from crm.web.language import _

NO_TAG = N_("Use one to 40 letters or digits.")
NO_TAGS = N_("Name a tag to put on or to take off.")


def _has_letters(name: str) -> str:
    if not " ".join(fold(name)):
        raise ValueError(NO_TAG)
    return name


Name = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_has_letters)]
Names_ = Annotated[tuple[Name, ...], Field(max_length=10)]


class ChangeTags(Step):
    """Put tags on the lead and take others off; those that are as they shall be stay so."""

    label: ClassVar[str] = N_("Change tags")
    kind: Literal["tag"] = "tag"
    add: Names_ = ()
    remove: Names_ = ()

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError(NO_TAGS)
        return self

    def decide(self, run: Run) -> Outcome:
        """Change the tags, unless there is no lead."""
        if run.facts.lead is None:
            return Outcome(skipped="no_lead")
        return Outcome((TagLead(run.facts.lead.id, self.add, self.remove),))

    def words(self, names: Names) -> str:
        """Return which tags."""
        words = []
        if self.add:
            words.append(_("Put on the tag %(tags)s", tags=", ".join(f"“{x}”" for x in self.add)))
        if self.remove:
            tags = ", ".join(f"“{name}”" for name in self.remove)
            words.append(_("Take off the tag %(tags)s", tags=tags))
        return "; ".join(words)
