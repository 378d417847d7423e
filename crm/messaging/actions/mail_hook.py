"""Where SendGrid tells a clinic what became of its emails, and the keys by which it signs that."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlmodel import col, select

from crm.accounts.actions import lock_settings
from crm.accounts.doors import open_door
from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from crm.messaging.models import ChannelAccount
from crm.privacy.actions import audit

HOOK_DOOR = "sendgrid_hook"
KEY_SAVED = "email.events_key_saved"
"""What the audit trail calls it."""

_WRONG_KEY = N_("Copy the verification key from SendGrid's Event Webhook; it begins with MF.")


@dataclass(frozen=True)
class Hook:
    """Where SendGrid tells of an account's emails; `key` is the unguessable part of the address.

    Without a key there is no address yet; until it is signed nothing that comes is believed.
    """

    account_id: UUID
    key: str | None
    is_signed: bool


def open_hook(uow: UnitOfWork, account_id: UUID) -> str:
    """Return the unguessable key of the address of an account's events, made if it has none."""
    account = _locked(uow, account_id)
    known = _credentials(uow, account)
    if "hook" not in known:
        known["hook"] = secrets.token_urlsafe(24)
        open_door(uow, HOOK_DOOR, known["hook"], account_id)
        _write(uow, account, known)
    return str(known["hook"])


def save_hook_key(uow: UnitOfWork, account_id: UUID, key: str) -> None:
    """Take events that SendGrid signs with this key; those signed with the one before, too (SG-7).

    Raises Invalid where it is no key of an elliptic curve, and NotFound.
    """
    account = _locked(uow, account_id)
    compact = "".join(key.split())
    if not _is_key(compact):
        raise Invalid(_WRONG_KEY, field="hook_key")
    known = _credentials(uow, account)
    keys = [compact, *(one for one in known.get("hook_keys", []) if one != compact)]
    _write(uow, account, {**known, "hook_keys": keys[:2]})
    audit(uow, KEY_SAVED, "channel_account", account_id)


def hooks(uow: UnitOfWork) -> Sequence[Hook]:
    """Return where SendGrid tells of the emails of each of the clinic's accounts."""
    accounts = uow.session.scalars(
        select(ChannelAccount)
        .where(
            col(ChannelAccount.clinic_id) == uow.clinic_id,
            col(ChannelAccount.provider) == "sendgrid",
        )
        .order_by(col(ChannelAccount.created_at), col(ChannelAccount.id))
    )
    known = [(account.id, _credentials(uow, account)) for account in accounts]
    return [Hook(id, own.get("hook"), bool(own.get("hook_keys"))) for id, own in known]


def hook_keys(uow: UnitOfWork, account_id: UUID) -> Sequence[str]:
    """Return the keys that SendGrid may sign with, the newest first. Raises NotFound."""
    keys: Sequence[str] = _credentials(uow, uow.get(ChannelAccount, account_id)).get(
        "hook_keys", ()
    )
    return keys


def kept_through_new_key(uow: UnitOfWork, account: ChannelAccount) -> dict[str, Any]:
    """Return of an account's credentials those that another API key does not change."""
    known = _credentials(uow, account)
    return {name: known[name] for name in ("hook", "hook_keys") if name in known}


def _is_key(compact: str) -> bool:
    """Whether it is the base64 of a public key on the curve P-256."""
    try:
        key = load_der_public_key(base64.b64decode(compact, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)


def _locked(uow: UnitOfWork, account_id: UUID) -> ChannelAccount:
    """Return an account while nobody else writes its credentials. Raises NotFound."""
    lock_settings(uow)
    return uow.get(ChannelAccount, account_id)


def _credentials(uow: UnitOfWork, account: ChannelAccount) -> dict[str, Any]:
    if not account.credentials:
        return {}
    known: dict[str, Any] = json.loads(uow.decrypt(account.id, account.credentials))
    return known


def _write(uow: UnitOfWork, account: ChannelAccount, known: dict[str, Any]) -> None:
    account.credentials = uow.encrypt(account.id, json.dumps(known))
    uow.session.flush()
