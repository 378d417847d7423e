"""Taking texts for the wire: judged and worded under the locks of their addresses, then on record.

After `take` commits, a text is `sending` under an attempt id and is never claimed for sending
again. Before it commits, nothing has left. There is no third state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.compliance import quiet_hours
from crm.compliance.gate import CALL_TAKES, Facts
from crm.core.bulk import given
from crm.core.ids import new_id
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging import writes
from crm.messaging.channels.base import Channel, OutboundMessage
from crm.messaging.channels.opening import channel_of
from crm.messaging.emails.ways_out import open_ways_out
from crm.messaging.facts import gather
from crm.messaging.models import Communication
from crm.messaging.sending import judging
from crm.messaging.sending.capping import within_cap
from crm.messaging.sending.judging import Verdict, judge, word
from crm.messaging.sending.recording import Flight

LONGEST_VALIDITY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A text of the chunk that was not looked at yet."""

    id: UUID
    address_id: UUID


@dataclass(frozen=True, slots=True)
class Route:
    """An account and the channel that is open through it."""

    account_id: UUID
    channel: Channel


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken, the way it goes, and whether texts for another way are left as they were."""

    flights: list[Flight]
    route: Route | None
    has_others: bool


_text: Any = Communication.__table__.c  # type: ignore[attr-defined]
_QUEUED = (
    select(_text.id, _text.address_id).where(writes.still_held(given(_text.id))).order_by(_text.id)
)


def queued(uow: UnitOfWork, ids: Sequence[UUID], token: UUID) -> Iterator[Waiting]:
    """Yield those of these texts that are still queued and held, in id order."""
    values = {"clinic": uow.clinic_id, "ids": list(ids), "token": token}
    return starmap(Waiting, uow.session.execute(_QUEUED, values))


def take(
    uow: UnitOfWork, runtime: Runtime, token: UUID, ids: Sequence[UUID], route: Route | None
) -> Taken:
    """Take those of these texts that may leave now by one way; their addresses are locked.

    Others are held or blocked, and say why. Without a route the first that may leave decides it.
    What is no longer ours or no longer queued is left alone.
    """
    verdicts = [
        judge(uow, runtime.channels, text) for text in gather(uow, runtime.fact_sources, ids, token)
    ]
    route = route or _route(uow, runtime, verdicts)
    others = {verdict.text.id for verdict in verdicts if _goes_elsewhere(verdict, route)}
    base_url = runtime.settings.base_url
    worded = [word(uow, verdict, base_url) for verdict in verdicts if verdict.text.id not in others]
    judging.write(uow, token, worded)
    ours = [verdict for verdict in worded if verdict.may_leave]
    return Taken(_write_taken(uow, runtime, token, ours) if ours else [], route, bool(others))


def _route(uow: UnitOfWork, runtime: Runtime, verdicts: Iterable[Verdict]) -> Route | None:
    for verdict in verdicts:
        if verdict.may_leave:
            row = verdict.text.row
            channel = channel_of(uow, runtime.channels, row.account_id, row.account_version)
            return Route(row.account_id, channel)
    return None


def _goes_elsewhere(verdict: Verdict, route: Route | None) -> bool:
    account_id = verdict.text.row.account_id
    return verdict.may_leave and route is not None and account_id != route.account_id


def _write_taken(
    uow: UnitOfWork, runtime: Runtime, token: UUID, verdicts: Sequence[Verdict]
) -> list[Flight]:
    verdicts = within_cap(uow, token, verdicts)
    talks = _conversations(uow, verdicts)
    open_ways_out(uow, [each.text.id for each in verdicts if each.said and each.said.mail])
    attempts = {verdict.text.id: new_id() for verdict in verdicts}
    rows = [_row(uow, verdict, attempts[verdict.text.id], talks) for verdict in verdicts]
    unconfirmed_at = uow.now + timedelta(seconds=runtime.settings.unconfirmed_after)
    written = writes.run(uow, writes.TAKE, rows, token=token, unconfirmed_at=unconfirmed_at)
    taken = {row.id: row.refused_since for row in written}
    return [
        _flight(verdict, attempts[verdict.text.id], runtime.settings.base_url, taken)
        for verdict in verdicts
        if verdict.text.id in taken
    ]


def _conversations(uow: UnitOfWork, verdicts: Sequence[Verdict]) -> dict[tuple[UUID, UUID], UUID]:
    rows = [
        {
            "id": new_id(),
            "address": verdict.text.row.address_id,
            "sender": verdict.text.row.use_sender_id,
        }
        for verdict in verdicts
    ]
    talks = writes.run(uow, writes.TALK, rows)
    return {(row.address_id, row.sender_id): row.id for row in talks}


def _row(
    uow: UnitOfWork,
    verdict: Verdict,
    attempt_id: UUID,
    talks: dict[tuple[UUID, UUID], UUID],
) -> dict[str, Any]:
    row = verdict.text.row
    said = verdict.said
    assert said is not None
    return {
        "id": row.id,
        "attempt": attempt_id,
        "consent": row.latest_consent_id if verdict.text.facts.is_automated else None,
        "sender": row.use_sender_id,
        "conversation": talks[row.address_id, row.use_sender_id],
        "body": uow.encrypt(row.id, said.body),
        "subject": uow.encrypt(row.id, said.mail.subject) if said.mail else None,
        "html": uow.encrypt(row.id, said.mail.html) if said.mail else None,
        "gate": verdict.gate,
    }


def _flight(
    verdict: Verdict, attempt_id: UUID, base_url: str, taken: Mapping[UUID, datetime | None]
) -> Flight:
    row, facts, said = verdict.text.row, verdict.text.facts, verdict.said
    assert said is not None
    message = OutboundMessage(
        attempt_id=attempt_id,
        communication_id=row.id,
        sender=row.sender_value,
        to=row.value,
        body=said.body,
        status_callback=f"{base_url}/webhooks/twilio/status?a={attempt_id}",
        valid_seconds=int(valid_for(facts).total_seconds()),
        mail=said.mail,
    )
    return Flight(message, row.address_id, facts.now, taken[row.id], row.attempts)


def valid_for(facts: Facts) -> timedelta:
    """Return how long the provider may try: never past its use, never into the night (TW-43).

    The gate left at least a minute of it.
    """
    ends = [facts.now + LONGEST_VALIDITY]
    if facts.useful_until is not None:
        ends.append(facts.useful_until - CALL_TAKES)
    if facts.has_hours and not facts.is_answer:
        ends.append(quiet_hours.closing(facts.now, facts.zones, facts.week) - CALL_TAKES)
    return min(ends) - facts.now
