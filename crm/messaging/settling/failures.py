"""What a failed text means for those that would follow, by the provider's code (TW-44)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, select

from crm.compliance.actions import PROVIDER_SAYS, suppress_all
from crm.compliance.models import Channel
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.actions import pause_account
from crm.messaging.channels.base import Action
from crm.messaging.models import Communication, Sender
from crm.messaging.settling import filtered

REASONS: Mapping[Action, str] = {
    "not_textable": "not_textable",
    "opted_out": "provider_opted_out",
    "content": "content_refused",
    "sender": "sender_refused",
    "once_more": "not_reached",
    "later": "provider_busy",
    "final": "provider_refused",
}
"""Why a text failed, as its lead tells it."""

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_senders: Any = Sender.__table__  # type: ignore[attr-defined]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """A text that a provider refused or could not bring, with its code and what that asks for."""

    text_id: UUID
    address_id: UUID
    code: str
    action: Action
    channel: Channel = "sms"


def heed(uow: UnitOfWork, failures: Sequence[Failure]) -> None:
    """Suppress who opted out at the provider, pause accounts whose sender it refuses, and templates
    that carriers filter. The addresses are locked.
    """
    opted_out = [failure for failure in failures if failure.action == "opted_out"]
    for channel in sorted({failure.channel for failure in opted_out}):
        theirs = {one.address_id: one.text_id for one in opted_out if one.channel == channel}
        suppress_all(uow, theirs, channel, PROVIDER_SAYS)
    filtered.watch(uow, [each.text_id for each in failures if each.code == filtered.FILTERED])
    refused = {failure.text_id: failure.code for failure in failures if failure.action == "sender"}
    for account_id, code in _accounts(uow, refused).items():
        pause_account(uow, account_id, code)
        log.error("account.paused", account_id=str(account_id), code=code)


def _accounts(uow: UnitOfWork, codes: Mapping[UUID, str]) -> dict[UUID, str]:
    """Return the accounts that these texts left from, in id order, each with one of the codes."""
    if not codes:
        return {}
    its = and_(_senders.c.clinic_id == _texts.c.clinic_id, _senders.c.id == _texts.c.sender_id)
    rows = uow.session.execute(
        select(_senders.c.account_id, _texts.c.id)
        .select_from(_texts)
        .join(_senders, its)
        .where(_texts.c.clinic_id == uow.clinic_id, among(_texts.c.id, list(codes)))
        .order_by(_senders.c.account_id)
    )
    return {row.account_id: codes[row.id] for row in rows}
