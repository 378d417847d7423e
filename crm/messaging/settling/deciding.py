"""What an answer makes of an unconfirmed text: sent, asked again, sent once more, or shown."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.engine import Row

from crm.core.bulk import among
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, backoff
from crm.messaging import telling, writes
from crm.messaging.channels.base import Found
from crm.messaging.models import Communication
from crm.messaging.settling.asking import Answer, CannotAsk, Question, Unreachable
from crm.messaging.settling.outcomes import settlement
from crm.messaging.settling.statuses import StatusIn, apply_statuses
from crm.messaging.states import NEEDS_PERSON

FLAG_AFTER = timedelta(minutes=10)
"""When a text whose provider cannot be asked is shown to a person, if no event came (SG-4)."""

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a provider that cannot be reached is asked again."""

SHORTEST_PAUSE = 5.0
"""Seconds between two questions about one text, at least: a list may lag behind its texts."""

MOST_RESENDS = 5
"""How often a text goes again, each time after the provider was asked twice and had it not."""

_LONGEST_BACKOFF = 10

log = structlog.get_logger()
_texts: Any = Communication.__table__  # type: ignore[attr-defined]


def write_answers(
    uow: UnitOfWork, settings: Settings, claim: Claim, answers: Sequence[tuple[Question, Answer]]
) -> None:
    """Write what was learned; addresses are locked, and what others settled meanwhile stays."""
    held = _held_by_others(uow, answers)
    found = _assign(held, answers)
    apply_statuses(uow, list(found.values()))
    rows = [
        _outcome(uow, settings, question.row, _unheld(held, answer))
        for question, answer in answers
        if question.row.id not in found
    ]
    told = writes.run(uow, writes.SETTLE, rows, token=claim.token)
    telling.tell_settled(uow, told)
    queues = {question.row.id: question.row.queue for question, _ in answers}
    for row in told:
        if row.status == "queued":
            uow.ring("communications", [row.id], queues[row.id])
        if row.reason == NEEDS_PERSON:
            log.error("communication.needs_person", id=str(row.id))


def _assign(held: set[str], answers: Sequence[tuple[Question, Answer]]) -> dict[Any, StatusIn]:
    """Give each found text to one of ours, the oldest first; ids in `held`, which grows, are not.

    Only what says the same is given: a text in other words may be another one.
    """
    given: dict[Any, StatusIn] = {}
    for question, answer in sorted(answers, key=lambda pair: pair[0].row.taken_at):
        free = _unheld(held, answer)
        same = [] if isinstance(free, CannotAsk | Unreachable) else free
        mine = next((each for each in same if each.is_worded_alike), None)
        if mine is not None:
            held.add(mine.provider_id)
            given[question.row.id] = StatusIn(
                mine.provider_id, mine.status, mine.error_code, question.row.attempt_id
            )
    return given


def _found(answer: Answer) -> Iterable[Found]:
    return () if isinstance(answer, CannotAsk | Unreachable) else answer


def _unheld(held: set[str], answer: Answer) -> Answer:
    """Return what of an answer no communication of ours holds."""
    if isinstance(answer, CannotAsk | Unreachable):
        return answer
    return [each for each in answer if each.provider_id not in held]


def _held_by_others(uow: UnitOfWork, answers: Sequence[tuple[Question, Answer]]) -> set[str]:
    provider_ids = {each.provider_id for _, answer in answers for each in _found(answer)}
    if not provider_ids:
        return set()
    columns = _texts.c
    rows = uow.session.scalars(
        select(columns.provider_id).where(
            columns.clinic_id == uow.clinic_id, among(columns.provider_id, sorted(provider_ids))
        )
    )
    return set(rows)


def _outcome(uow: UnitOfWork, settings: Settings, row: Row[Any], answer: Answer) -> dict[str, Any]:
    """Return what to write of a text that was not found."""
    age = uow.now - row.taken_at
    if isinstance(answer, CannotAsk):
        due = None if age >= FLAG_AFTER else row.taken_at + FLAG_AFTER
        reason = NEEDS_PERSON if due is None else None
        return settlement(row, status="unconfirmed", due=due, reason=reason)
    if isinstance(answer, Unreachable):
        if age >= GIVE_UP_AFTER:
            return settlement(row, status="failed", reason=NEEDS_PERSON)
        due = uow.now + backoff(min(row.attempts, _LONGEST_BACKOFF))
        return settlement(row, status="unconfirmed", due=due, attempts=row.attempts + 1)
    if row.asked == 0:
        pause = max(SHORTEST_PAUSE, settings.unconfirmed_ask_after / 2)
        due = uow.now + timedelta(seconds=pause)
        return settlement(row, status="unconfirmed", due=due, asked=1)
    if any(not each.is_worded_alike for each in answer):
        # It may be ours in words that the provider changed: never once more, a person looks.
        asked = row.asked + 1
        return settlement(row, status="unconfirmed", reason=NEEDS_PERSON, asked=asked)
    if row.resends >= MOST_RESENDS:
        return settlement(row, status="failed", reason=NEEDS_PERSON, asked=row.asked + 1)
    # Absent twice: it goes again, past the gate, and its old attempt may still prove itself.
    counts = {"resends": row.resends + 1, "asked": 0, "attempts": 0}
    return settlement(row, status="queued", due=uow.now, lease=uow.reserved_until, **counts)
