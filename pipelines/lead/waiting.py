"""What has not left yet: until when it waits and why, in words, and who may take it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm.compliance.gate import BY_PERSON
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.timeline import why_words
from pipelines.lead.queries import Sheet

SOON = timedelta(seconds=30)


@dataclass(frozen=True)
class Waiting:
    """A text or email that has not left. `due_at` is None where it waits for a person."""

    id: UUID
    channel: str
    state: states.State
    due_at: datetime | None
    is_dead: bool
    why: str
    asks: str
    words: str
    writer: str
    is_by_hand: bool
    may_be_taken_back: bool
    is_pinned: bool
    is_leaving: bool


def waiting(uow: UnitOfWork, sheet: Sheet, *, with_words: bool) -> Sequence[Waiting]:
    """Return the lead's texts that have not left, the latest first."""
    return [_waiting(uow, sheet, row, with_words=with_words) for row in sheet.waiting]


def _waiting(uow: UnitOfWork, sheet: Sheet, row: Any, *, with_words: bool) -> Waiting:
    is_dead = row.dead_at is not None and row.status == "queued"
    is_by_hand = row.origin_kind == "user"
    due_at = None if row.held_reason in BY_PERSON else row.due_at
    is_due = due_at is not None and due_at < sheet.now + SOON
    is_leaving = row.status == "sending" or (row.status == "queued" and is_due and not is_dead)
    is_readable = with_words and is_by_hand and row.body
    return Waiting(
        id=row.id,
        channel=row.channel,
        state=states.state("failed" if is_dead else row.status, row.held_reason),
        due_at=due_at,
        is_dead=is_dead,
        why=states.reason(
            states.GAVE_UP if is_dead else row.held_reason or row.reason, row.channel
        ),
        asks=why_words(row.channel),
        words=uow.decrypt(row.id, row.body) if is_readable else "",
        writer=row.writer or "",
        is_by_hand=is_by_hand,
        may_be_taken_back=is_by_hand and row.status == "queued",
        is_pinned=is_by_hand and not row.is_overtakable and not is_leaving,
        is_leaving=is_leaving,
    )
