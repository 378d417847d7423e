"""What a timeline shows: each package says how its own events read, in a chunk at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from crm.core.events import Event, EventRow, decode
from crm.core.uow import UnitOfWork
from crm.web.language import _

Direction = Literal["in", "out", "note", "event"]


@dataclass(frozen=True)
class Entry:
    """An event as people read it; the texts are already translated.

    `who` is for an event that knows better who did it than the transaction that stored it; `why`
    stands below what was said; `look` is how that looks where it was not said after all. `ref` is
    the row that can be taken back.
    """

    title: str
    text: str = ""
    icon: str = "event"
    direction: Direction = "event"
    state: str = ""
    tone: str = "plain"
    who: str = ""
    why: str = ""
    look: Literal["", "waiting", "unsaid", "lost"] = ""
    ref: UUID | None = None


@dataclass(frozen=True)
class Moment:
    """An entry with its time and who did it."""

    id: UUID
    at: datetime
    who: str
    entry: Entry


Kind = Literal["texts", "calls", "notes", "sequences", "changes"]

Fill = Callable[[UnitOfWork, Sequence[Any]], Mapping[UUID, Entry]]

Authors = Callable[[UnitOfWork, Sequence[EventRow]], Mapping[UUID, str]]
"""Stored events -> who did them, by event id, as far as the package knows; one set-based read."""


@dataclass(frozen=True)
class TimelineSource:
    """A package's own events, and the set-based read that turns them into entries by event id.

    `kind` is the tab of a lead's page that shows them alone.
    """

    events: tuple[type[Event], ...]
    fill: Fill
    kind: Kind = "changes"


def fill(
    uow: UnitOfWork,
    rows: Sequence[EventRow],
    sources: Sequence[TimelineSource],
    authors: Sequence[Authors] = (),
) -> list[Moment]:
    """Return the moments of stored events in their order; what no source tells is left out."""
    events = [decode(row) for row in rows if row.name in Event.types]
    entries: dict[UUID, Entry] = {}
    for source in sources:
        mine = [event for event in events if isinstance(event, source.events)]
        if mine:
            entries.update(source.fill(uow, mine))
    shown = [row for row in rows if row.id in entries]
    # What a provider hands in is the patient's word.
    is_theirs = ("patient", "provider")
    who = {row.id: _("the patient") for row in shown if row.principal_kind in is_theirs}
    for name in authors:
        who.update(name(uow, shown))
    return [
        Moment(row.id, row.at, entries[row.id].who or who.get(row.id, ""), entries[row.id])
        for row in shown
    ]


def without_words(moments: Sequence[Moment]) -> list[Moment]:
    """Return the moments without what was said to and fro, for who may not read messages."""
    return [
        replace(moment, entry=replace(moment.entry, text=""))
        if moment.entry.direction in ("in", "out")
        else moment
        for moment in moments
    ]
