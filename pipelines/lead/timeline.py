"""How notes, tags and changed details read on a timeline."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource
from pipelines.events import LeadReplyWaived, LeadReplyWanted
from pipelines.lead.details import NAMES
from pipelines.lead.events import LeadDetailChanged, LeadTagged, LeadUntagged, NoteAdded
from pipelines.lead.models import Note, Tag


def _read_notes(uow: UnitOfWork, events: Sequence[NoteAdded]) -> Mapping[str, Any]:
    mine = (
        col(Note.clinic_id) == uow.clinic_id,
        col(Note.id).in_({event.note_id for event in events}),
        col(Note.removed_at).is_(None),
    )
    return {"notes": select(col(Note.id), col(Note.body)).where(*mine)}


def _notes(uow: UnitOfWork, events: Sequence[NoteAdded], found: Found) -> Mapping[UUID, Entry]:
    words = {row.id: uow.decrypt(row.id, row.body) for row in found["notes"]}
    return {
        event.id: Entry(_("Note"), words[event.note_id], "note", "note", ref=event.note_id)
        for event in events
        if event.note_id in words
    }


Changed = LeadTagged | LeadUntagged | LeadDetailChanged | LeadReplyWaived | LeadReplyWanted


def _read_tags(uow: UnitOfWork, events: Sequence[Changed]) -> Mapping[str, Any]:
    ids = {event.tag_id for event in events if isinstance(event, LeadTagged | LeadUntagged)}
    mine = (col(Tag.clinic_id) == uow.clinic_id, col(Tag.id).in_(ids))
    return {"tags": select(col(Tag.id), col(Tag.name)).where(*mine)} if ids else {}


def _changes(_uow: UnitOfWork, events: Sequence[Changed], found: Found) -> Mapping[UUID, Entry]:
    tags = {row.id: row.name for row in found.get("tags", ())}
    return {event.id: Entry(_title(event, tags), icon=_icon(event)) for event in events}


def _icon(event: Changed) -> str:
    return "clock" if isinstance(event, LeadReplyWaived | LeadReplyWanted) else "tag"


def _title(event: Changed, tags: Mapping[UUID, str]) -> str:
    if isinstance(event, LeadDetailChanged):
        what = next((name for field, name in NAMES.items() if field == event.field), event.field)
        return _("%(detail)s changed", detail=_(what))
    if isinstance(event, LeadReplyWaived):
        return _("No reply needed")
    if isinstance(event, LeadReplyWanted):
        return _("Reply needed after all")
    name = tags.get(event.tag_id, "?")
    if isinstance(event, LeadTagged):
        return _("Tagged “%(name)s”", name=name)
    return _("Tag “%(name)s” taken off", name=name)


NOTES = TimelineSource((NoteAdded,), _notes, "notes", _read_notes)
CHANGES = TimelineSource(
    (LeadTagged, LeadUntagged, LeadDetailChanged, LeadReplyWaived, LeadReplyWanted),
    *(_changes, "changes", _read_tags),
)
