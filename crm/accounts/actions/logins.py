"""Logins: opened with a password, carried by an opaque token, over at many occasions (SEC-1)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, and_, bindparam, select, update
from sqlmodel import col

from crm.accounts import doors
from crm.accounts.alarms import Watched
from crm.accounts.models import Clinic, Login, Membership, User
from crm.accounts.queries import live_membership, locked_user, workplaces
from crm.accounts.state import Accounts
from crm.accounts.throttle import Attempt
from crm.core.asking import PLACES
from crm.core.database import Database
from crm.core.errors import NotFound
from crm.core.principal import SYSTEM, Principal
from crm.core.uow import UnitOfWork
from crm.privacy.actions import MAX_USER_AGENT, audit, origin
from crm.web.frame import Banner

TOKEN_BYTES = 32
TOUCH = timedelta(seconds=30)
"""How long after a request the next one is written down; far less than any idle limit."""

NOWHERE = UUID(int=0)
_logins: Any = Login.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Opened:
    """A login just opened; the token is for the browser alone, only its hash is kept."""

    token: str
    login_id: UUID
    user_id: UUID
    clinic_id: UUID
    clinics: int


@dataclass(frozen=True)
class Recognised:
    """Whose request it is, and where he is."""

    login: Login
    user: User
    membership: Membership
    clinic: Clinic
    now: datetime
    banners: Sequence[Banner] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def sign_in(accounts: Accounts, attempt: Attempt, email: str, password: str) -> Opened | None:
    """Open a login in the clinic where the user was last; None if email or password is wrong.

    An unknown email takes the same steps and the same time (SEC-5). Raises TooMany.
    """
    accounts.throttle.check(attempt)
    user = _user_behind(accounts.database, email)
    with accounts.passwords.slot():
        # Again, because others may have failed while this one waited for its place.
        accounts.throttle.check(attempt)
        is_right = accounts.passwords.verify(password, user.password_hash if user else None)
        if user is None or not is_right or user.is_disabled:
            accounts.throttle.failed(attempt)
            return None
        accounts.throttle.succeeded(attempt)
        assert user.password_hash is not None
        is_outdated = accounts.passwords.is_outdated(user.password_hash)
        fresh_hash = accounts.passwords.hash(password) if is_outdated else user.password_hash
    return _open_where_last(accounts, user, email, fresh_hash)


def _user_behind(database: Database, email: str) -> User | None:
    found = doors.resolve(database, "member", email)
    clinic_id, user_id = (found[0].clinic_id, found[0].ref_id) if found else (NOWHERE, NOWHERE)
    with database.transaction(clinic_id, SYSTEM) as uow:
        return uow.session.get(User, user_id)


def _open_where_last(
    accounts: Accounts, verified: User, email: str, fresh_hash: str
) -> Opened | None:
    places = workplaces(accounts.database, verified.id, email)
    if not places:
        return None
    clinic_id = places[0].clinic_id
    with accounts.database.transaction(clinic_id, Principal("user", verified.id)) as uow:
        user = locked_user(uow, verified.id)
        if user.password_hash != verified.password_hash or user.is_disabled:
            return None  # it was changed while it was being compared
        user.password_hash = fresh_hash
        expires_at = uow.now + timedelta(hours=accounts.settings.session_hours)
        token, login_id = open_login(uow, user, expires_at, len(places))
        audit(uow, "login.opened", "login", login_id)
    return Opened(token, login_id, user.id, clinic_id, len(places))


def open_login(uow: UnitOfWork, user: User, expires_at: datetime, clinics: int) -> tuple[str, UUID]:
    """Open a login of a locked user; return its token and its id."""
    came = origin()
    login = Login(
        user_id=user.id,
        created_at=uow.now,
        seen_at=uow.now,
        expires_at=expires_at,
        ip=came.ip,
        user_agent=(came.user_agent or "")[:MAX_USER_AGENT] or None,
        epoch=user.login_epoch,
        clinics=clinics,
    )
    uow.add(login)
    # It names its clinic, so that a request is known by one statement, asked in that clinic.
    token = f"{uow.clinic_id.hex}.{secrets.token_urlsafe(TOKEN_BYTES)}"
    doors.open_door(uow, "session", token, login.id)
    return token, login.id


def note_failure(database: Database, email: str) -> None:
    """Tell the owners of every clinic of an account that a sign-in failed (P11).

    Called after the answer, which must not take longer for an account that exists.
    """
    for door in doors.resolve(database, "member", email):
        with database.transaction(door.clinic_id, SYSTEM) as uow:
            audit(uow, "login.failed", "user", door.ref_id)


def switch_clinic(accounts: Accounts, current: Recognised, clinic_id: UUID) -> Opened:
    """End the login and open one in another clinic of the same user, for the hours that were left.

    Raises NotFound where he does not work there: an unknown clinic gives the same answer.
    """
    database, user = accounts.database, current.user
    principal = Principal("user", user.id)
    found = doors.resolve(database, "member", user.email)
    if clinic_id not in [door.clinic_id for door in found if door.ref_id == user.id]:
        raise NotFound
    # The new one first: a crash in between leaves the browser with what it has.
    with database.transaction(clinic_id, principal) as uow:
        fresh = locked_user(uow, user.id)
        if live_membership(uow, user.id) is None or fresh.login_epoch != current.login.epoch:
            raise NotFound
        token, login_id = open_login(uow, fresh, current.login.expires_at, len(found))
        audit(uow, "login.opened", "login", login_id, by="switch")
    with database.transaction(current.clinic.id, principal) as uow:
        end_login(uow, current.login.id, "switched")
    return Opened(token, login_id, user.id, clinic_id, len(found))


def recognise(
    database: Database, token: str, idle: timedelta, watched: Watched, *, is_present: bool = True
) -> Recognised | None:
    """Return whose token this is and what waits for him; None once the login is over.

    It is noted that he is there, unless his page asks by itself (`is_present`). All of it is one
    statement, but for the note.
    """
    clinic_id = _clinic_of(token)
    if clinic_id is None:
        return None
    with database.transaction(clinic_id, SYSTEM) as uow:
        found = PLACES.of(uow, key_hash=doors.hash_key("session", token))
        row = uow.session.execute(_whose(watched), found).one_or_none()
        if row is None:
            return None
        login, user, membership, clinic, *seen = row
        reason = _why_over(login, user, uow.now, idle)
        if reason is not None:
            end_login(uow, login.id, reason)
            return None
        if is_present and uow.now - login.seen_at >= TOUCH:
            mine = and_(_logins.c.clinic_id == uow.clinic_id, _logins.c.id == login.id)
            uow.session.execute(update(_logins).where(mine).values(seen_at=uow.now))
        banners, counts = watched.raised(seen, membership.role), watched.counted(seen)
        return Recognised(login, user, membership, clinic, uow.now, banners, counts)


def _clinic_of(token: str) -> UUID | None:
    """Return the clinic that a token names; whether it opens anything there is still to be seen."""
    named, _, secret = token.partition(".")
    try:
        return UUID(hex=named) if secret else None
    except ValueError:
        return None


@cache
def _whose(watched: Watched) -> Select[*tuple[Any, ...]]:
    key_hash = bindparam("key_hash", type_=String())
    return (
        select(Login, User, Membership, Clinic)
        .add_columns(*watched.columns(PLACES, _logins.c.user_id))
        .join(User, col(User.id) == col(Login.user_id))
        .join(
            Membership,
            and_(
                col(Membership.user_id) == col(Login.user_id),
                col(Membership.ended_at).is_(None),
            ),
        )
        .join(Clinic, col(Clinic.id) == col(Login.clinic_id))
        .where(
            col(Login.id) == doors.behind(PLACES, "session", key_hash),
            col(Login.ended_at).is_(None),
        )
    )


def _why_over(login: Login, user: User, now: datetime, idle: timedelta) -> str | None:
    if user.is_disabled:
        return "disabled"
    if login.epoch != user.login_epoch:
        return "password_changed"
    if login.expires_at <= now:
        return "expired"
    return "idle" if now - login.seen_at >= idle else None


def end_login(uow: UnitOfWork, login_id: UUID, reason: str) -> bool:
    """End a login from this moment on; return whether it was still open."""
    return bool(_end(uow, _logins.c.id == login_id, reason))


def end_logins_of(uow: UnitOfWork, user_id: UUID, reason: str) -> int:
    """End every login of a user in this clinic; return how many there were."""
    return len(_end(uow, _logins.c.user_id == user_id, reason))


def end_other_logins(uow: UnitOfWork, user_id: UUID, keep: UUID) -> None:
    """End every login of a user, in all his clinics, but one of this clinic."""
    user = locked_user(uow, user_id)
    user.login_epoch += 1
    uow.session.flush()
    kept = and_(_logins.c.clinic_id == uow.clinic_id, _logins.c.id == keep)
    uow.session.execute(update(_logins).where(kept).values(epoch=user.login_epoch))
    others = and_(_logins.c.user_id == user_id, _logins.c.id != keep)
    _end(uow, others, "revoked")


def _end(uow: UnitOfWork, which: Any, reason: str) -> list[UUID]:
    uow.session.flush()
    ended = uow.session.scalars(
        update(_logins)
        .where(_logins.c.clinic_id == uow.clinic_id, _logins.c.ended_at.is_(None), which)
        .values(ended_at=uow.now)
        .returning(_logins.c.id)
    ).all()
    if ended:
        doors.close_doors(uow, "session", *ended)
        audit(uow, "login.ended", "login", ended[0], reason=reason, logins=sorted(ended))
    return list(ended)
