"""Connecting a clinic to its account at a provider, and giving the account a new token."""

import json
import re
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from crm.accounts.doors import close_doors, open_door
from crm.accounts.models import Clinic
from crm.contacts import phones
from crm.core.errors import N_, Invalid
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.actions.setup import resume_account
from crm.messaging.models import ChannelAccount, Sender

NUMBER_DOOR = "twilio_number"
ACCOUNT_DOOR = "twilio_account"

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_senders: Any = Sender.__table__  # type: ignore[attr-defined]


def read_connection(uow: UnitOfWork, account_sid: str, auth_token: str, number: str) -> str:
    """Return the number as E.164 if all three look right; Twilio is not asked. Raises Invalid."""
    if not _ACCOUNT_SID.fullmatch(account_sid):
        raise Invalid(N_("It begins with AC and has 34 characters."), field="account_sid")
    if not auth_token.strip():
        raise Invalid(N_("Copy the auth token from Twilio's console."), field="auth_token")
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    e164 = phones.parse(number, clinic.region).e164
    if e164 is None:
        raise Invalid(N_("This is no phone number."), field="number")
    return e164


def connect_twilio(uow: UnitOfWork, account_sid: str, auth_token: str, number: str) -> UUID:
    """Let the clinic text from a number of its Twilio account; return the account's id.

    Connecting again replaces the token; the one before stays valid for webhooks that were signed
    with it (TW-7). The number becomes the one that new texts leave from. Raises Invalid.
    """
    e164 = read_connection(uow, account_sid, auth_token, number)
    account = _account(uow, account_sid)
    _give_token(uow, account, auth_token.strip())
    sender_id = _sender(uow, account.id, e164)
    for kind, key, ref_id in (
        (NUMBER_DOOR, f"{account_sid}:{e164}", sender_id),
        (ACCOUNT_DOOR, account_sid, account.id),
    ):
        close_doors(uow, kind, ref_id)
        open_door(uow, kind, key, ref_id)
    return account.id


def _account(uow: UnitOfWork, account_sid: str) -> ChannelAccount:
    """Return the clinic's account with its lock held, made if it is new."""
    statement = select(ChannelAccount).where(
        col(ChannelAccount.clinic_id) == uow.clinic_id,
        col(ChannelAccount.provider) == "twilio",
        col(ChannelAccount.external_id) == account_sid,
    )
    account = uow.session.scalar(statement.with_for_update())
    if account is None:
        account = ChannelAccount(
            channel="sms", provider="twilio", external_id=account_sid, created_at=uow.now
        )
        uow.add(account)
    return account


def _give_token(uow: UnitOfWork, account: ChannelAccount, auth_token: str) -> None:
    known = json.loads(uow.decrypt(account.id, account.credentials)) if account.credentials else {}
    if known.get("auth_token") == auth_token:
        return
    fresh = {"auth_token": auth_token}
    if known:
        fresh["auth_token_secondary"] = known["auth_token"]
        account.version += 1
    account.credentials = uow.encrypt(account.id, json.dumps(fresh))
    uow.session.flush()
    resume_account(uow, account.id)


def _sender(uow: UnitOfWork, account_id: UUID, value: str) -> UUID:
    """Return the sender of this number, now of this account and the one that texts leave from."""
    uow.session.execute(
        update(_senders)
        .where(_senders.c.clinic_id == uow.clinic_id, _senders.c.channel == "sms")
        .values(is_default=False)
    )
    sender_id: UUID = uow.session.execute(
        insert(_senders)
        .values(
            clinic_id=uow.clinic_id,
            id=new_id(),
            account_id=account_id,
            channel="sms",
            value=value,
            is_default=True,
            created_at=uow.now,
        )
        .on_conflict_do_update(
            index_elements=["clinic_id", "channel", "value"],
            set_={"account_id": account_id, "is_default": True},
        )
        .returning(_senders.c.id)
    ).scalar_one()
    return sender_id
