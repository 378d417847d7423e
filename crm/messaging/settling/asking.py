"""Asking a provider about texts that it may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, select
from sqlalchemy.engine import Row

from crm.contacts.models import Address
from crm.core.bulk import among
from crm.core.performing import describe
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.core.work import Claim
from crm.messaging import writes
from crm.messaging.channels.base import Channel, Found, ProviderUnreachable
from crm.messaging.channels.opening import channel_of
from crm.messaging.models import ChannelAccount, Communication, Sender
from crm.messaging.settling.outcomes import settlement

EARLIER = timedelta(hours=1)
"""How much before the call a provider is asked from: a clock of ours that is ahead hides no text.

What is found too much is held by other communications, and so is not taken for this one."""

log = structlog.get_logger()
_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]
_senders: Any = Sender.__table__  # type: ignore[attr-defined]
_accounts: Any = ChannelAccount.__table__  # type: ignore[attr-defined]


class CannotAsk:
    """This provider cannot be asked."""


class Unreachable:
    """The provider could not be asked now."""


Answer = Sequence[Found] | CannotAsk | Unreachable


@dataclass(frozen=True, slots=True)
class Question:
    """A text to ask about; without a channel there is nobody to ask."""

    row: Row[Any]
    body: str
    since: datetime
    channel: Channel | None


def questions(uow: UnitOfWork, runtime: Runtime, claim: Claim) -> list[Question]:
    """Return what to ask now; texts that only just became unconfirmed are put off until then."""
    rows = _held(uow, claim)
    due = {row.id: _ask_at(row, runtime.settings) for row in rows}
    later = [row for row in rows if row.status == "sending" and due[row.id] > uow.now]
    writes.run(
        uow,
        writes.SETTLE,
        [settlement(row, status="unconfirmed", due=due[row.id]) for row in later],
        token=claim.token,
    )
    return [_question(uow, runtime, row) for row in rows if row not in later]


def _ask_at(row: Row[Any], settings: Settings) -> datetime:
    at: datetime = row.taken_at + timedelta(seconds=settings.unconfirmed_ask_after)
    return at


def _held(uow: UnitOfWork, claim: Claim) -> Sequence[Row[Any]]:
    statement: Any = (
        select(
            *(_texts.c.id, _texts.c.address_id, _texts.c.status, _texts.c.attempt_id),
            *(_texts.c.taken_at, _texts.c.body, _texts.c.asked, _texts.c.resends),
            *(_texts.c.attempts, _texts.c.queue),
            _addresses.c.value,
            _senders.c.value.label("sender_value"),
            _senders.c.account_id,
            _accounts.c.provider,
            _accounts.c.version,
        )
        .join(_addresses, _of(_addresses, _texts.c.address_id))
        .join(_senders, _of(_senders, _texts.c.sender_id))
        .join(
            _accounts,
            and_(
                _accounts.c.clinic_id == _senders.c.clinic_id,
                _accounts.c.id == _senders.c.account_id,
            ),
        )
        .where(
            _texts.c.clinic_id == uow.clinic_id,
            among(_texts.c.id, claim.ids),
            _texts.c.lease_token == claim.token,
            _texts.c.status.in_(("sending", "unconfirmed")),
        )
        .order_by(_texts.c.id)
    )
    rows: Sequence[Row[Any]] = uow.session.execute(statement).all()
    return rows


def _of(table: Any, key: Any) -> Any:
    return and_(table.c.clinic_id == _texts.c.clinic_id, table.c.id == key)


def _question(uow: UnitOfWork, runtime: Runtime, row: Row[Any]) -> Question:
    channel = None
    if runtime.channels.knows(row.provider):
        channel = channel_of(uow, runtime.channels, row.account_id, row.version)
    # Our time may be moved, and moved again since then; the provider's is not. The attempt's own
    # id holds when it was made: the earlier of the two finds the text, whatever moved.
    made_at = datetime.fromtimestamp((row.attempt_id.int >> 80) / 1000, UTC)
    since = min(row.taken_at - runtime.clock.offset, made_at) - EARLIER
    return Question(row, uow.decrypt(row.id, row.body), since, channel)


def ask(question: Question) -> Answer:
    """Ask a provider about one text. Never raises: who cannot be asked now is asked again."""
    row = question.row
    if question.channel is None:
        return CannotAsk()
    try:
        found = question.channel.find(row.value, row.sender_value, question.since, question.body)
    except ProviderUnreachable:
        return Unreachable()
    except Exception as fault:
        log.error("communication.not_asked", id=str(row.id), error=describe(fault))
        return Unreachable()
    return CannotAsk() if found is None else found
