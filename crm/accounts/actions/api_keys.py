"""API keys (SEC-14): shown once, kept as a hash, scoped, with a checksum that scanners can test."""

import re
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.models import ApiKey
from crm.accounts.roles import SCOPES
from crm.core.bulk import insert_rows
from crm.core.database import Database
from crm.core.errors import N_, Conflict, Forbidden, Invalid, Unauthenticated
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _

_table = ApiKey.__table__  # type: ignore[attr-defined]
_DIGITS = string.digits + string.ascii_letters
_FORM = re.compile(r"(fd_[0-9A-Za-z]{8}_[0-9A-Za-z]{44})([0-9A-Za-z]{6})", re.ASCII)
_SECRET_LENGTH = 44  # of 62 digits: 262 bits
_PREFIX_LENGTH = 8
_CHECK_LENGTH = 6
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ApiPrincipal:
    """The clinic and the key that a request's key belongs to."""

    clinic_id: UUID
    key_id: UUID

    @property
    def principal(self) -> Principal:
        """Who the request's writes are done by."""
        return Principal("api_key", self.key_id)


class KeyAlreadyMade(Conflict):
    """The form was sent a second time; the key was shown the first time and is kept nowhere."""

    code = "key_already_made"
    title = N_("This key was made already")


@dataclass(frozen=True)
class CreatedKey:
    """A new key; `raw` is shown once and kept nowhere."""

    key_id: UUID
    raw: str


def create_key(
    uow: UnitOfWork,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
) -> CreatedKey:
    """Make an API key of this clinic, one for a `key_id`. Raises Invalid, KeyAlreadyMade."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise Invalid(_("Choose what the key may do."), field="scopes")
    if not name.strip():
        raise Invalid(_("Give the key a name."), field="name")
    if expires_at is not None and expires_at <= uow.now:
        raise Invalid(_("Choose a day in the future."), field="expires_at")
    prefix = _random(_PREFIX_LENGTH)
    body = f"fd_{prefix}_{_random(_SECRET_LENGTH)}"
    raw = body + _checksum(body)
    key = ApiKey(
        id=key_id or new_id(),
        clinic_id=uow.clinic_id,
        name=name.strip(),
        prefix=f"fd_{prefix}",
        scopes=sorted(set(scopes)),
        created_at=uow.now,
        expires_at=expires_at,
    )
    if not insert_rows(uow.session, _table, [key.model_dump()], skip_known=True, returning=("id",)):
        raise KeyAlreadyMade(_("If you did not copy it then, revoke it and make another."))
    doors.open_door(uow, "api_key", raw, key.id)
    audit(uow, "api_key.created", "api_key", key.id, scopes=key.scopes)
    return CreatedKey(key.id, raw)


def revoke_key(uow: UnitOfWork, key_id: UUID) -> None:
    """Let a key open nothing from this moment on; again is a no-op. Raises NotFound."""
    key = uow.get(ApiKey, key_id)
    if key.revoked_at is not None:
        return
    key.revoked_at = uow.now
    doors.close_doors(uow, "api_key", key_id)
    audit(uow, "api_key.revoked", "api_key", key_id)


def authenticate_key(database: Database, raw_key: str, scope: str) -> ApiPrincipal:
    """Return whose key this is, if it may do what the scope names.

    Raises Unauthenticated for an unknown, expired or revoked key, Forbidden for another scope.
    """
    if not is_well_formed(raw_key):
        raise Unauthenticated(_("The API key is not valid."))
    found = doors.resolve(database, "api_key", raw_key)
    if not found:
        raise Unauthenticated(_("The API key is not valid."))
    opened = ApiPrincipal(found[0].clinic_id, found[0].ref_id)
    with database.transaction(opened.clinic_id, opened.principal) as uow:
        key = uow.session.get(ApiKey, (opened.clinic_id, opened.key_id))
        if key is None or key.revoked_at is not None:
            raise Unauthenticated(_("The API key is not valid."))
        if key.expires_at is not None and key.expires_at <= uow.now:
            raise Unauthenticated(_("The API key has expired."))
        if scope not in key.scopes:
            raise Forbidden(_("The API key is not allowed to do that."))
        if _is_worth_noting(key, scope, uow.now):
            _note_use(uow, key.id, scope)
    return opened


def is_well_formed(raw_key: str) -> bool:
    """Return whether this can be a key of ours, by its form and its checksum."""
    match = _FORM.fullmatch(raw_key)
    return match is not None and _checksum(match[1]) == match[2]


def _is_worth_noting(key: ApiKey, scope: str, now: datetime) -> bool:
    is_first_today = key.used_on.get(scope) != _day(now)
    return is_first_today or key.last_used_at is None or now - key.last_used_at >= USED_EVERY


def _note_use(uow: UnitOfWork, key_id: UUID, scope: str) -> None:
    """Write down a use, at most once a minute; its kind is audited once a day (SEC-14)."""
    statement: Any = select(ApiKey).where(col(ApiKey.id) == key_id)
    # Whoever is noting it just now notes it for all of us.
    locked = statement.with_for_update(key_share=True, skip_locked=True)
    key = uow.session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    if key is None or not _is_worth_noting(key, scope, uow.now):
        return
    if key.used_on.get(scope) != _day(uow.now):
        audit(uow, "api_key.used", "api_key", key_id, scope=scope)
    key.used_on = {**key.used_on, scope: _day(uow.now)}
    key.last_used_at = uow.now


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _digit in range(length))


def _checksum(body: str) -> str:
    rest, written = zlib.crc32(body.encode()), ""
    for _digit in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written
