"""How the moments that start sequences read on a timeline."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from automations.events import (
    DateCame,
    LeadStoodStill,
    MomentCame,
    ReplyStayedOut,
    TaskBecameOverdue,
)
from crm.core.uow import UnitOfWork
from crm.web import formats
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource


def _fill(_uow: UnitOfWork, events: Sequence[MomentCame], _found: Found) -> Mapping[UUID, Entry]:
    return {event.id: Entry(_words(event), icon="held") for event in events}


def _words(event: MomentCame) -> str:
    match event:
        case LeadStoodStill(days=days):
            return _("In this stage for %(span)s", span=formats.span(days))
        case ReplyStayedOut(days=days):
            return _("No reply for %(span)s", span=formats.span(days))
        case TaskBecameOverdue():
            return _("A task became overdue")
        case _:
            return _("The time came that the follow-up day sets")


TIMELINE = TimelineSource(
    (LeadStoodStill, ReplyStayedOut, TaskBecameOverdue, DateCame), _fill, "sequences"
)
