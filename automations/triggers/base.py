"""What every trigger is: typed, strict, and pure over an event and facts."""

from typing import ClassVar

from automations.facts import Facts, Group
from automations.names import Names
from automations.parts import Part
from crm.core.events import Event
from crm.web.language import _


class Trigger(Part):
    """Says which events start an automation; a filter that is not given matches everything.

    `needs` are the groups of facts that it looks at. One that `is_echo` hears what sequences do
    themselves: none of them is started by what it led to.
    """

    listens: ClassVar[tuple[type[Event], ...]]
    needs: ClassVar[frozenset[Group]] = frozenset()
    is_echo: ClassVar[bool] = False

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the event starts the automation for the person the facts are about."""
        raise TypeError(f"{type(self).__name__} does not say what it matches")

    def words(self, names: Names) -> str:
        """Return what starts it, and which of the usual filters it must pass.

        A stage stands for its pipeline, which it names at need.
        """
        filters = []
        if stage_id := getattr(self, "stage_id", None):
            filters.append(f"“{names.stage(stage_id)}”")
        elif pipeline_id := getattr(self, "pipeline_id", None):
            filters.append(_("in the pipeline “%(name)s”", name=names.pipeline(pipeline_id)))
        if source := getattr(self, "source", None):
            filters.append(_("from the source “%(name)s”", name=source))
        return f"{_(self.label)}: {', '.join(filters)}" if filters else _(self.label)


def allows(wanted: object | None, actual: object) -> bool:
    """Return whether a filter lets a value through; one that is not given lets all through."""
    return wanted is None or wanted == actual
