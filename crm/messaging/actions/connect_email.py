"""Connecting a clinic to its SendGrid account, and the postal address that its emails name."""

import json
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from crm.accounts.actions import lock_settings
from crm.accounts.models import Clinic
from crm.contacts import emails
from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from crm.messaging.actions.mail_hook import kept_through_new_key, open_hook
from crm.messaging.actions.queuing import release_held
from crm.messaging.actions.setup import add_sender, resume_account
from crm.messaging.models import ChannelAccount, Sender
from crm.privacy.actions import audit

CONNECTED = "email.connected"
ADDRESS_SAVED = "clinic.postal_address_saved"
"""What the audit trail calls it."""

SHORTEST_KEY = 20


def read_email_connection(api_key: str, sender: str) -> tuple[str, str]:
    """Return the key and the address to send from if both look right; nobody is asked.

    Raises Invalid, which names the field.
    """
    key, address = api_key.strip(), emails.parse(sender)
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise Invalid(N_("Copy the API key from SendGrid; it begins with SG."), field="api_key")
    if address is None:
        raise Invalid(N_("This is no email address."), field="sender")
    return key, address


def connect_sendgrid(uow: UnitOfWork, api_key: str, sender: str) -> UUID:
    """Let the clinic send emails from an address of its SendGrid account; return the account's id.

    Connecting an address again replaces its key. It becomes the one that new emails leave from.
    Raises Invalid.
    """
    key, address = read_email_connection(api_key, sender)
    lock_settings(uow)
    known = uow.session.scalar(
        select(Sender).where(
            col(Sender.clinic_id) == uow.clinic_id,
            col(Sender.channel) == "email",
            col(Sender.value) == address,
        )
    )
    credentials = {"api_key": key}
    if known is None:
        known = add_sender(uow, "sendgrid", address, channel="email", credentials=credentials)
    else:
        account = uow.get(ChannelAccount, known.account_id)
        account.provider, account.version = "sendgrid", account.version + 1
        kept = kept_through_new_key(uow, account)
        account.credentials = uow.encrypt(account.id, json.dumps({**kept, **credentials}))
        uow.session.flush()
        _make_default(uow, known)
    open_hook(uow, known.account_id)
    audit(uow, CONNECTED, "channel_account", known.account_id)
    resume_account(uow, known.account_id)
    release_held(uow, "no_sender")
    return known.account_id


def save_postal_address(uow: UnitOfWork, postal_address: str) -> None:
    """Keep where the clinic is, as its emails name it; emails that waited for it go on (LAW-40)."""
    lines = [line.strip() for line in postal_address.splitlines()]
    clinic = uow.session.scalars(
        select(Clinic).where(col(Clinic.id) == uow.clinic_id).with_for_update()
    ).one()
    clinic.postal_address = "\n".join(line for line in lines if line) or None
    uow.session.flush()
    audit(uow, ADDRESS_SAVED)
    if clinic.postal_address:
        release_held(uow, "no_postal_address")


def _make_default(uow: UnitOfWork, sender: Sender) -> None:
    uow.session.execute(
        update(Sender)
        .where(col(Sender.clinic_id) == uow.clinic_id, col(Sender.channel) == "email")
        .values(is_default=col(Sender.id) == sender.id)
    )
