"""Opening the channel of a clinic's account, with its credentials."""

import json
from uuid import UUID

from crm.core.uow import UnitOfWork
from crm.messaging.channels.base import Account, Channel, Channels
from crm.messaging.models import ChannelAccount


def channel_of(uow: UnitOfWork, channels: Channels, account_id: UUID, version: int) -> Channel:
    """Return the channel of an account of the clinic, opened with its credentials if need be.

    Raises NotFound, NoSuchProvider, Undecipherable.
    """
    opened = channels.opened(account_id, version)
    return opened if opened is not None else channels.of(read_account(uow, account_id))


def read_account(uow: UnitOfWork, account_id: UUID) -> Account:
    """Return an account with its credentials in clear. Raises NotFound, Undecipherable."""
    row = uow.get(ChannelAccount, account_id)
    return Account(
        id=row.id,
        clinic_id=row.clinic_id,
        provider=row.provider,
        version=row.version,
        external_id=row.external_id,
        credentials=json.loads(uow.decrypt(row.id, row.credentials)) if row.credentials else {},
    )
