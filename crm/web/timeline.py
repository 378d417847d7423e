"""What a timeline shows: each package says how its own events read, in a chunk at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from crm.core.events import Event, EventRow, decode
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.web.language import _

Direction = Literal["in", "out", "note", "event"]


@dataclass(frozen=True)
class Entry:
    """An event as people read it; the texts are already translated.

    `who` is for an event that knows better who did it than the transaction that stored it; `why`
    stands below what was said; `look` is how that looks where it was not said after all. `folded`
    is what one opens to read, such as an email below its subject. `ref` is the row that can be
    taken back, `explained` the communication that a page explains, and `asks` the question that it
    answers.
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
    explained: UUID | None = None
    folded: str = ""
    asks: str = ""


@dataclass(frozen=True)
class Moment:
    """An entry with its time and who did it."""

    id: UUID
    at: datetime
    who: str
    entry: Entry


Kind = Literal["texts", "calls", "notes", "sequences", "changes"]

Found = Mapping[str, Sequence[Any]]
"""The rows of what was asked for, by its name."""

Reads = Callable[[UnitOfWork, Sequence[Any]], Mapping[str, Any]]
"""Events, or stored ones, -> what has to be read for them; all is asked for with one statement."""

Fill = Callable[[UnitOfWork, Sequence[Any], Found], Mapping[UUID, Entry]]


def nothing(_uow: UnitOfWork, _events: Sequence[Any]) -> Mapping[str, Any]:
    """Read nothing: the events say it all."""
    return {}


@dataclass(frozen=True)
class Authors:
    """How a package names who did stored events, by event id, as far as it knows them."""

    names: Callable[[UnitOfWork, Sequence[EventRow], Found], Mapping[UUID, str]]
    reads: Reads


@dataclass(frozen=True)
class TimelineSource:
    """A package's own events, what it reads for many of them, and the entries made of that.

    `kind` is the tab of a lead's page that shows them alone.
    """

    events: tuple[type[Event], ...]
    fill: Fill
    kind: Kind = "changes"
    reads: Reads = nothing


def fill(
    uow: UnitOfWork,
    rows: Sequence[EventRow],
    sources: Sequence[TimelineSource],
    authors: Sequence[Authors] = (),
) -> list[Moment]:
    """Return the moments of stored events in their order; what no source tells is left out."""
    events = [decode(row) for row in rows if row.name in Event.types]
    mine = {
        f"s{at}_": (source, [event for event in events if isinstance(event, source.events)])
        for at, source in enumerate(sources)
    }
    theirs = {f"a{at}_": author for at, author in enumerate(authors)}
    found = together(
        uow,
        **{
            f"{place}{name}": asked
            for place, reads, given in [
                *((place, source.reads, own) for place, (source, own) in mine.items() if own),
                *((place, author.reads, rows) for place, author in theirs.items() if rows),
            ]
            for name, asked in reads(uow, given).items()
        },
    )
    entries: dict[UUID, Entry] = {}
    for place, (source, own) in mine.items():
        if own:
            entries.update(source.fill(uow, own, _of(place, found)))
    shown = [row for row in rows if row.id in entries]
    # What a provider hands in is the patient's word.
    is_theirs = ("patient", "provider")
    who = {row.id: _("the patient") for row in shown if row.principal_kind in is_theirs}
    for place, author in theirs.items():
        who.update(author.names(uow, shown, _of(place, found)))
    return [
        Moment(row.id, row.at, entries[row.id].who or who.get(row.id, ""), entries[row.id])
        for row in shown
    ]


def _of(place: str, found: Found) -> Found:
    return {
        name.removeprefix(place): rows for name, rows in found.items() if name.startswith(place)
    }


def without_words(moments: Sequence[Moment]) -> list[Moment]:
    """Return the moments without what was said to and fro, for who may not read messages."""
    return [
        replace(moment, entry=replace(moment.entry, text="", folded=""))
        if moment.entry.direction in ("in", "out")
        else moment
        for moment in moments
    ]
