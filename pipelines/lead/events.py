"""What the front desk does to a lead on its page."""

from uuid import UUID

from crm.core.events import Event


class NoteAdded(Event):
    """Somebody wrote a note. Order key: the lead."""

    name = "note.added"

    note_id: UUID


class NoteRemoved(Event):
    """A note was removed. Order key: the lead."""

    name = "note.removed"

    note_id: UUID


class NoteRestored(Event):
    """A note that was removed is back. Order key: the lead."""

    name = "note.restored"

    note_id: UUID


class LeadTagged(Event):
    """A lead was marked with a tag. Order key: the lead."""

    name = "lead.tagged"

    tag_id: UUID


class LeadUntagged(Event):
    """A tag was taken off a lead. Order key: the lead."""

    name = "lead.untagged"

    tag_id: UUID


class LeadDetailChanged(Event):
    """A detail of a lead or of its person was changed; `field` says which. Order key: the lead."""

    name = "lead.detail_changed"

    field: str
