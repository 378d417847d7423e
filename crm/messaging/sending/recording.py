"""Writing down what came back from a channel: sent, refused for good or for now, or unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm.compliance.gate import LOOK_AGAIN
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.core.work import backoff
from crm.messaging import telling, writes
from crm.messaging.channels.base import Accepted, NoAnswer, OutboundMessage, Refused, Result
from crm.messaging.settling.failures import REASONS, Failure, heed
from crm.messaging.settling.statuses import match_stored

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a text is offered to a provider that refuses it for now, if nothing ends it sooner.

It counts from the first such answer, anew after each hold.
"""

LATE = "late"
"""The code of a text that was taken and did not leave in time, for which nobody is to blame."""

_LONGEST_BACKOFF = 8


@dataclass(frozen=True, slots=True)
class Flight:
    """A text that is on its way, and what its result will be written by."""

    message: OutboundMessage
    address_id: UUID
    taken_at: datetime
    refused_since: datetime | None
    attempts: int


Landed = tuple[Flight, Result]


def record(uow: UnitOfWork, settings: Settings, landed: Sequence[Landed]) -> None:
    """Write down results, under the locks of their addresses; safe to run twice."""
    rows = [_row(uow, settings, flight, result) for flight, result in landed]
    told = writes.run(uow, writes.RECORD, rows)
    telling.tell_settled(uow, told)
    telling.tell_failed(uow, told)
    match_stored(uow, [row.provider_id for row in told if row.provider_id])
    heed(
        uow,
        [
            Failure(
                flight.message.communication_id,
                flight.address_id,
                result.code,
                result.action,
                "email" if flight.message.mail else "sms",
            )
            for flight, result in landed
            if isinstance(result, Refused)
        ],
    )


def _row(uow: UnitOfWork, settings: Settings, flight: Flight, result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": flight.message.communication_id,
        "attempt": flight.message.attempt_id,
        **dict.fromkeys(("provider", "code", "provider_status", "reason", "held", "due")),
    }
    match result:
        case Accepted():
            told = {"provider": result.provider_id, "provider_status": result.provider_status}
            return row | {"status": "sent"} | told
        case NoAnswer():
            due = flight.taken_at + timedelta(seconds=settings.unconfirmed_ask_after)
            return row | {"status": "unconfirmed", "code": result.reason, "due": due}
        case Refused():
            return row | {"code": result.code} | _refused(uow, flight, result)


def _refused(uow: UnitOfWork, flight: Flight, result: Refused) -> dict[str, Any]:
    """Return what a refusal makes of a text; the provider does not have it, so it may go again."""
    if result.action == "sender":
        return {"status": "queued", "held": "sender_paused", "due": uow.now + LOOK_AGAIN}
    if result.action != "later":
        return {"status": "failed", "reason": REASONS[result.action]}
    if result.code == LATE:
        return {"status": "queued", "due": uow.now}
    if uow.now - (flight.refused_since or uow.now) > GIVE_UP_AFTER:
        return {"status": "failed", "reason": "provider_unavailable"}
    wait = backoff(min(flight.attempts, _LONGEST_BACKOFF))
    if result.retry_after is not None:
        wait = max(wait, timedelta(seconds=min(result.retry_after, 3600.0)))
    # Spread: what one overloaded moment refused together does not come back together.
    spread = 1 + (flight.message.attempt_id.int % 256) / 1024
    return {"status": "queued", "held": "provider_busy", "due": uow.now + wait * spread}
