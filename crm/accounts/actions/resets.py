"""Links that set a password once (SEC-3): made by the operator or in a team, open for an hour."""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.actions.logins import TOKEN_BYTES, end_logins_of
from crm.accounts.models import Clinic, PasswordReset, User
from crm.accounts.passwords import check_rules
from crm.accounts.queries import live_membership, locked_user
from crm.accounts.state import Accounts
from crm.core.database import Database
from crm.core.errors import Conflict, NotFound
from crm.core.principal import SYSTEM, Principal
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _

OPEN_FOR = timedelta(hours=1)


def make_reset_link(uow: UnitOfWork, user_id: UUID, base_url: str) -> str:
    """Return a link that sets the user's password once, within an hour; older ones are over.

    Raises NotFound for who does not work here, Conflict for a disabled user.
    """
    user = locked_user(uow, user_id)
    if live_membership(uow, user_id) is None:
        raise NotFound
    if user.is_disabled:
        raise Conflict(_("This user is disabled."))
    _close_links(uow, user_id)
    reset = PasswordReset(
        user_id=user_id,
        created_at=uow.now,
        expires_at=uow.now + OPEN_FOR,
        epoch=user.login_epoch,
    )
    uow.add(reset)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    doors.open_door(uow, "reset", token, reset.id)
    audit(uow, "password.reset_link_made", "user", user_id)
    return f"{base_url}/reset/{token}"


def _close_links(uow: UnitOfWork, user_id: UUID) -> None:
    statement = select(PasswordReset).where(
        col(PasswordReset.user_id) == user_id, col(PasswordReset.used_at).is_(None)
    )
    for reset in uow.session.scalars(statement.with_for_update()):
        reset.used_at = uow.now
        doors.close_doors(uow, "reset", reset.id)
    uow.session.flush()


def reset_is_open(database: Database, token: str) -> bool:
    """Return whether a link still sets a password."""
    return any(_names_behind(database, door) for door in doors.resolve(database, "reset", token))


def set_password_by_link(accounts: Accounts, token: str, password: str) -> None:
    """Set the password of the link's user and end all logins he has, in every clinic.

    Raises NotFound for a link that is unknown, used or too old; Invalid by SEC-3; TooMany.
    """
    found = doors.resolve(accounts.database, "reset", token)
    names = _names_behind(accounts.database, found[0]) if found else None
    if names is None:
        raise _is_over()
    check_rules(password, names)
    with accounts.passwords.slot():
        hashed = accounts.passwords.hash(password)
    with accounts.database.transaction(found[0].clinic_id, SYSTEM) as uow:
        reset, user = _open_reset(uow, found[0].ref_id)
        if reset is None or user is None:
            raise _is_over()
        uow.principal = Principal("user", user.id)
        reset.used_at = uow.now
        set_password(uow, user, hashed)
        doors.close_doors(uow, "reset", reset.id)


def _is_over() -> NotFound:
    return NotFound(_("This link was used already, or it is too old. Ask for a new one."))


def set_password(uow: UnitOfWork, user: User, hashed: str) -> None:
    """Give a locked user another password; every login and link made before is over."""
    user.password_hash = hashed
    user.login_epoch += 1
    uow.session.flush()
    audit(uow, "password.changed", "user", user.id)
    end_logins_of(uow, user.id, "password_changed")


def _names_behind(database: Database, door: doors.Opened) -> list[str] | None:
    """Return what the new password must not be built from; None for a link that is over."""
    with database.transaction(door.clinic_id, SYSTEM) as uow:
        _reset, user = _open_reset(uow, door.ref_id)
        clinic = uow.session.get(Clinic, uow.clinic_id)
        if user is None or clinic is None:
            return None
        return [user.name, user.email, clinic.name]


def _open_reset(uow: UnitOfWork, reset_id: UUID) -> tuple[PasswordReset, User] | tuple[None, None]:
    """Return a link that is still good and its user, both locked."""
    statement = select(PasswordReset).where(col(PasswordReset.id) == reset_id).with_for_update()
    reset = uow.session.scalars(statement).one_or_none()
    if reset is None or reset.used_at is not None or reset.expires_at <= uow.now:
        return None, None
    user = locked_user(uow, reset.user_id)
    is_stale = user.is_disabled or user.login_epoch != reset.epoch
    if is_stale or live_membership(uow, user.id) is None:
        return None, None
    return reset, user
