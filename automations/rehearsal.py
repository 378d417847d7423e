"""What would happen: the runner's own pass, over and over, with a flusher that only remembers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from automations.walking import Standing, Taken, walk


@dataclass(frozen=True)
class Rehearsed:
    """One step that would be taken, and when."""

    at: datetime
    taken: Taken


def rehearse(standing: Standing, now: datetime) -> Iterator[Rehearsed]:
    """Yield the steps that would be taken from `now` to the end, if nothing else happened.

    Texts count as sent the moment they are queued; facts stay as they are.
    """
    due_at: datetime | None = now
    at = replace(standing, is_paused=False)
    while due_at is not None:
        one = walk(replace(at, facts=at.facts.at(due_at)), due_at)
        yield from (Rehearsed(due_at, taken) for taken in one.taken)
        at = replace(
            at,
            step=one.step,
            occurrence=one.occurrence,
            last_step=one.last_step,
            awaits=None,
            hears_from=one.hears_from,
            listens=one.listens,
            until=one.until,
        )
        due_at = due_at if one.awaits is not None else one.due_at
