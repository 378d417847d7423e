"""Taking texts for the wire: looked at again under the locks of their addresses, then on record.

After `take` commits, a text is `sending` under an attempt id and is never claimed for sending
again. Before it commits, nothing has left. There is no third state.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm.compliance import quiet_hours
from crm.compliance.gate import CALL_TAKES, Facts
from crm.core.ids import new_id
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging import writes
from crm.messaging.channels.base import OutboundMessage
from crm.messaging.facts import gather
from crm.messaging.sending import judging
from crm.messaging.sending.capping import within_cap
from crm.messaging.sending.judging import Verdict, judge, word
from crm.messaging.sending.recording import Flight

LONGEST_VALIDITY = timedelta(hours=4)


def take(
    uow: UnitOfWork, runtime: Runtime, account_id: UUID, token: UUID, ids: Sequence[UUID]
) -> list[Flight]:
    """Take those of these texts that may leave now through the account; their addresses are locked.

    Everything is checked again. What is no longer ours or no longer queued is left alone.
    """
    texts = gather(uow, runtime.fact_sources, ids, token, lock=True)
    judged = [_of_account(account_id, judge(uow, runtime.channels, text), uow) for text in texts]
    verdicts = [word(uow, verdict) for verdict in judged]
    judging.write(uow, token, verdicts)
    ours = [verdict for verdict in verdicts if verdict.may_leave]
    return _write_taken(uow, runtime, token, ours) if ours else []


def _of_account(account_id: UUID, verdict: Verdict, uow: UnitOfWork) -> Verdict:
    """Hold a text whose sender is another account's by now; its chunk goes through this one."""
    if verdict.may_leave and verdict.text.row.account_id != account_id:
        return Verdict(verdict.text, reason="sender_changed", until=uow.now)
    return verdict


def _write_taken(
    uow: UnitOfWork, runtime: Runtime, token: UUID, verdicts: Sequence[Verdict]
) -> list[Flight]:
    verdicts = within_cap(uow, token, verdicts)
    talks = _conversations(uow, verdicts)
    attempts = {verdict.text.id: new_id() for verdict in verdicts}
    rows = [_row(uow, verdict, attempts[verdict.text.id], talks) for verdict in verdicts]
    unconfirmed_at = uow.now + timedelta(seconds=runtime.settings.unconfirmed_after)
    written = writes.run(uow, writes.TAKE, rows, token=token, unconfirmed_at=unconfirmed_at)
    taken = {row.id for row in written}
    return [
        _flight(verdict, attempts[verdict.text.id], runtime.settings.base_url)
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
    assert verdict.body is not None
    return {
        "id": row.id,
        "attempt": attempt_id,
        "consent": row.latest_consent_id if verdict.text.facts.is_automated else None,
        "sender": row.use_sender_id,
        "conversation": talks[row.address_id, row.use_sender_id],
        "body": uow.encrypt(row.id, verdict.body),
        "gate": verdict.gate,
    }


def _flight(verdict: Verdict, attempt_id: UUID, base_url: str) -> Flight:
    row, facts = verdict.text.row, verdict.text.facts
    message = OutboundMessage(
        attempt_id=attempt_id,
        communication_id=row.id,
        sender=row.sender_value,
        to=row.value,
        body=verdict.body or "",
        status_callback=f"{base_url}/webhooks/twilio/status?a={attempt_id}",
        valid_seconds=int(valid_for(facts).total_seconds()),
    )
    return Flight(message, row.address_id, facts.now, row.created_at, row.attempts)


def valid_for(facts: Facts) -> timedelta:
    """Return how long the provider may try: never past its use, never into the night (TW-43).

    The gate left at least a minute of it.
    """
    ends = [facts.now + LONGEST_VALIDITY]
    if facts.useful_until is not None:
        ends.append(facts.useful_until - CALL_TAKES)
    if facts.is_automated and not facts.is_answer:
        ends.append(quiet_hours.closing(facts.now, facts.zones, facts.week) - CALL_TAKES)
    return min(ends) - facts.now
