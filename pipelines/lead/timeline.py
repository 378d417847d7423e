"""How notes, tags and changed details read on a timeline."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import col, select

from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, TimelineSource
from pipelines.lead.details import NAMES
from pipelines.lead.events import LeadDetailChanged, LeadTagged, LeadUntagged, NoteAdded
from pipelines.lead.models import Note, Tag


def _notes(uow: UnitOfWork, events: Sequence[NoteAdded]) -> Mapping[UUID, Entry]:
    rows = uow.session.scalars(
        select(Note).where(
            col(Note.clinic_id) == uow.clinic_id,
            col(Note.id).in_({event.note_id for event in events}),
            col(Note.removed_at).is_(None),
        )
    )
    words = {row.id: uow.decrypt(row.id, row.body) for row in rows}
    return {
        event.id: Entry(_("Note"), words[event.note_id], "note", "note", ref=event.note_id)
        for event in events
        if event.note_id in words
    }


def _changes(
    uow: UnitOfWork, events: Sequence[LeadTagged | LeadUntagged | LeadDetailChanged]
) -> Mapping[UUID, Entry]:
    tags = _names(
        uow, {event.tag_id for event in events if not isinstance(event, LeadDetailChanged)}
    )
    return {event.id: Entry(_title(event, tags), icon="tag") for event in events}


def _title(event: LeadTagged | LeadUntagged | LeadDetailChanged, tags: Mapping[UUID, str]) -> str:
    if isinstance(event, LeadDetailChanged):
        what = next((name for field, name in NAMES.items() if field == event.field), event.field)
        return _("%(detail)s changed", detail=_(what))
    name = tags.get(event.tag_id, "?")
    if isinstance(event, LeadTagged):
        return _("Tagged “%(name)s”", name=name)
    return _("Tag “%(name)s” taken off", name=name)


def _names(uow: UnitOfWork, tag_ids: set[UUID]) -> Mapping[UUID, str]:
    if not tag_ids:
        return {}
    rows = uow.session.execute(
        select(col(Tag.id), col(Tag.name)).where(
            col(Tag.clinic_id) == uow.clinic_id, col(Tag.id).in_(tag_ids)
        )
    )
    return {row.id: row.name for row in rows}


NOTES = TimelineSource((NoteAdded,), _notes, "notes")
CHANGES = TimelineSource((LeadTagged, LeadUntagged, LeadDetailChanged), _changes, "changes")
