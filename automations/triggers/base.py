"""What every trigger is: typed, strict, and pure over an event and facts."""

from typing import ClassVar
from uuid import UUID

from automations.facts import Facts
from automations.names import Names
from automations.parts import Part
from crm.core.events import Event
from crm.web.language import _


class Trigger(Part):
    """Says which events start an automation; a filter that is not given matches everything."""

    listens: ClassVar[tuple[type[Event], ...]]

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether the event starts the automation for the person the facts are about."""
        raise TypeError(f"{type(self).__name__} does not say what it matches")


def allows(wanted: object | None, actual: object) -> bool:
    """Return whether a filter lets a value through; one that is not given lets all through."""
    return wanted is None or wanted == actual


def narrowed(
    what: str,
    names: Names,
    *,
    pipeline_id: UUID | None = None,
    stage_id: UUID | None = None,
    source: str | None = None,
) -> str:
    """Return what happens, and which filters it must pass; a stage names its pipeline at need."""
    filters = []
    if stage_id is not None:
        filters.append(f"“{names.stage(stage_id)}”")
    elif pipeline_id is not None:
        filters.append(_("in the pipeline “%(name)s”", name=names.pipeline(pipeline_id)))
    if source is not None:
        filters.append(_("from the source “%(name)s”", name=source))
    return f"{what}: {', '.join(filters)}" if filters else what
