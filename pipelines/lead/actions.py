"""Verbs of a lead's page: notes, tags, and who is at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from crm.contacts.names import fold
from crm.core.bulk import insert_rows
from crm.core.errors import N_, Invalid, NotFound
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from pipelines.actions import lock_leads
from pipelines.lead.events import LeadTagged, LeadUntagged, NoteAdded, NoteRemoved, NoteRestored
from pipelines.lead.models import LeadTag, Note, Tag, Visit
from pipelines.models import Lead

SEEN_FOR = timedelta(seconds=75)
"""How long after a sign of life somebody counts as being at a lead; a page gives one in 30 s."""

CLAIMED_FOR = timedelta(minutes=2)
"""How long after a keystroke the answer is somebody's, unless another confirms (pain 16)."""

LONGEST_TAG = 40

_tags: Any = Tag.__table__  # type: ignore[attr-defined]
_marks: Any = LeadTag.__table__  # type: ignore[attr-defined]
_visits: Any = Visit.__table__  # type: ignore[attr-defined]


def add_note(uow: UnitOfWork, lead_id: UUID, body: str, *, key: str) -> Note:
    """Write a note on a lead; the same key is one note. Raises NotFound, Invalid."""
    if not body.strip():
        raise Invalid(N_("Write what the note shall say."), field="body")
    lead = lock_leads(uow, [lead_id])[lead_id]
    dedupe_key = f"{uow.principal.id}:{key}"
    known = uow.session.scalar(
        select(Note).where(col(Note.clinic_id) == uow.clinic_id, col(Note.dedupe_key) == dedupe_key)
    )
    if known is not None:
        return known
    note_id = new_id()
    note = Note(
        id=note_id,
        lead_id=lead_id,
        body=uow.encrypt(note_id, body.strip()),
        dedupe_key=dedupe_key,
        author_id=uow.principal.id,
        created_at=uow.now,
    )
    uow.add(note)
    uow.emit(
        NoteAdded(order_key=lead_id, lead_id=lead_id, contact_id=lead.contact_id, note_id=note_id)
    )
    return note


def remove_note(uow: UnitOfWork, note_id: UUID, *, is_undo: bool = False) -> None:
    """Take a note off its lead, or put it back. Raises NotFound."""
    note = uow.get(Note, note_id)
    lead = lock_leads(uow, [note.lead_id])[note.lead_id]
    uow.session.refresh(note)
    if (note.removed_at is None) == is_undo:
        return
    note.removed_at = None if is_undo else uow.now
    uow.session.flush()
    told = NoteRestored if is_undo else NoteRemoved
    uow.emit(told(order_key=lead.id, lead_id=lead.id, contact_id=lead.contact_id, note_id=note_id))


def tag_lead(uow: UnitOfWork, lead_id: UUID, name: str) -> UUID | None:
    """Mark a lead with a tag, made if it is new; return the tag's id, None if it was on already.

    Raises NotFound, Invalid.
    """
    put_on = mark_leads(uow, [Mark(lead_id, name)])
    return put_on[0].tag_id if put_on else None


@dataclass(frozen=True)
class Mark:
    """A lead and the name of a tag that it shall have, or have no longer."""

    lead_id: UUID
    name: str
    cause: tuple[UUID, ...] = ()

    @property
    def words(self) -> str:
        """The name as it is written."""
        return " ".join(self.name.split())

    @property
    def folded(self) -> str:
        """The name by which a tag is known."""
        return " ".join(fold(self.words))


def mark_leads(uow: UnitOfWork, marks: Sequence[Mark]) -> list[LeadTagged]:
    """Mark leads with tags, made where they are new; return what was put on and was not before.

    Raises NotFound, Invalid.
    """
    if any(not mark.folded or len(mark.words) > LONGEST_TAG for mark in marks):
        raise Invalid(N_("Use one to 40 letters or digits."), field="name")
    leads = lock_leads(uow, [mark.lead_id for mark in marks])
    tags = _tags_named(uow, {mark.folded: mark.words for mark in marks})
    pairs = {(mark.lead_id, tags[mark.folded]): mark.cause for mark in marks}
    ours = {"clinic_id": uow.clinic_id, "created_at": uow.now}
    rows = [{"id": new_id(), "lead_id": lead, "tag_id": tag, **ours} for lead, tag in pairs]
    names = ("lead_id", "tag_id")
    is_new = insert_rows(uow.session, _marks, rows, skip_known=True, returning=names)
    told = [
        LeadTagged(
            order_key=row.lead_id,
            lead_id=row.lead_id,
            contact_id=leads[row.lead_id].contact_id,
            cause=pairs[row.lead_id, row.tag_id],
            tag_id=row.tag_id,
        )
        for row in is_new
    ]
    uow.emit(told)
    return told


def unmark_leads(uow: UnitOfWork, marks: Sequence[Mark]) -> None:
    """Take tags off leads; those that are not on, or unknown, stay off. Raises NotFound."""
    leads = lock_leads(uow, [mark.lead_id for mark in marks])
    named = select(_tags.c.folded, _tags.c.id).where(
        _tags.c.clinic_id == uow.clinic_id, _tags.c.folded.in_({mark.folded for mark in marks})
    )
    known = {row.folded: row.id for row in uow.session.execute(named)}
    wanted = {(mark.lead_id, known[mark.folded]): mark for mark in marks if mark.folded in known}
    if not wanted:
        return
    taken = uow.session.execute(
        delete(_marks)
        .where(
            _marks.c.clinic_id == uow.clinic_id,
            tuple_(_marks.c.lead_id, _marks.c.tag_id).in_(sorted(wanted)),
        )
        .returning(_marks.c.lead_id, _marks.c.tag_id)
    )
    uow.emit(
        LeadUntagged(
            order_key=row.lead_id,
            lead_id=row.lead_id,
            contact_id=leads[row.lead_id].contact_id,
            cause=wanted[row.lead_id, row.tag_id].cause,
            tag_id=row.tag_id,
        )
        for row in taken.all()
    )


def _tags_named(uow: UnitOfWork, words: Mapping[str, str]) -> dict[str, UUID]:
    """Return the ids of tags by their folded names; new ones are made, in one order for all."""
    rows = [
        {
            "id": new_id(),
            "clinic_id": uow.clinic_id,
            "name": words[folded],
            "folded": folded,
            "created_at": uow.now,
        }
        for folded in sorted(words)
    ]
    insert_rows(uow.session, _tags, rows, skip_known=True)
    named = select(_tags.c.folded, _tags.c.id).where(
        _tags.c.clinic_id == uow.clinic_id, _tags.c.folded.in_(words)
    )
    return {row.folded: row.id for row in uow.session.execute(named)}


def tag_again(uow: UnitOfWork, lead_id: UUID, tag_id: UUID) -> None:
    """Put back a tag that was taken off. Raises NotFound."""
    _mark(uow, lock_leads(uow, [lead_id])[lead_id], uow.get(Tag, tag_id).id)


def _mark(uow: UnitOfWork, lead: Lead, tag_id: UUID) -> bool:
    ids = {"clinic_id": uow.clinic_id, "lead_id": lead.id, "tag_id": tag_id}
    statement = insert(_marks).values(id=new_id(), created_at=uow.now, **ids)
    is_new = bool(
        uow.session.execute(statement.on_conflict_do_nothing().returning(_marks.c.id)).all()
    )
    if is_new:
        event = LeadTagged(
            order_key=lead.id, lead_id=lead.id, contact_id=lead.contact_id, tag_id=tag_id
        )
        uow.emit(event)
    return is_new


def untag_lead(uow: UnitOfWork, lead_id: UUID, tag_id: UUID) -> None:
    """Take a tag off a lead; one that is not on it stays off. Raises NotFound."""
    lead = lock_leads(uow, [lead_id])[lead_id]
    taken = uow.session.execute(
        delete(_marks)
        .where(
            _marks.c.clinic_id == uow.clinic_id,
            _marks.c.lead_id == lead_id,
            _marks.c.tag_id == uow.get(Tag, tag_id).id,
        )
        .returning(_marks.c.id)
    ).all()
    if taken:
        event = LeadUntagged(
            order_key=lead_id, lead_id=lead_id, contact_id=lead.contact_id, tag_id=tag_id
        )
        uow.emit(event)


def be_here(uow: UnitOfWork, lead_id: UUID) -> None:
    """Note that the signed-in user is at a lead now. Raises NotFound."""
    _visit(uow, lead_id, {"seen_at": uow.now})


def keep_draft(uow: UnitOfWork, lead_id: UUID, words: str) -> None:
    """Keep what the signed-in user writes to a lead; until it is sent the answer is his.

    An emptied draft gives up the claim. Raises NotFound.
    """
    draft = _draft(uow, lead_id, words) if words.strip() else None
    if (draft is not None) != _is_writing(uow, lead_id):
        # Whoever has the lead before him sees it now, not with his next sign of life.
        uow.tell("answer.claimed", lead_id=lead_id)
    _visit(
        uow,
        lead_id,
        {"seen_at": uow.now, "wrote_at": uow.now if draft else None, "draft": draft},
    )


def _is_writing(uow: UnitOfWork, lead_id: UUID) -> bool:
    mine = select(col(Visit.id)).where(
        col(Visit.clinic_id) == uow.clinic_id,
        col(Visit.lead_id) == lead_id,
        col(Visit.user_id) == uow.principal.id,
        col(Visit.wrote_at) > uow.now - CLAIMED_FOR,
    )
    return uow.session.scalar(mine) is not None


def drop_draft(uow: UnitOfWork, lead_id: UUID) -> None:
    """Forget what the signed-in user was writing: it was sent."""
    uow.session.execute(
        update(_visits)
        .where(
            _visits.c.clinic_id == uow.clinic_id,
            _visits.c.lead_id == lead_id,
            _visits.c.user_id == uow.principal.id,
        )
        .values(draft=None, wrote_at=None)
    )


def _draft(uow: UnitOfWork, lead_id: UUID, words: str) -> str:
    # Bound to the lead, for the row's own id is not known before it is there.
    return uow.encrypt(lead_id, words)


def _visit(uow: UnitOfWork, lead_id: UUID, values: dict[str, Any]) -> None:
    if uow.principal.kind != "user" or uow.principal.id is None:
        raise NotFound("user not found")
    uow.get(Lead, lead_id)
    statement = insert(_visits).values(
        clinic_id=uow.clinic_id,
        id=new_id(),
        lead_id=lead_id,
        user_id=uow.principal.id,
        **values,
    )
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["clinic_id", "lead_id", "user_id"],
            set_={
                **values,
                "seen_at": func.greatest(_visits.c.seen_at, statement.excluded.seen_at),
            },
        )
    )
