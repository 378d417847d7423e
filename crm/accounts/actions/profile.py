"""What a user sets for himself: his name, language, zone and looks, and his own password."""

from dataclasses import dataclass
from zoneinfo import available_timezones

from crm.accounts.actions.logins import Opened, Recognised, open_login
from crm.accounts.actions.resets import set_password
from crm.accounts.models import LANGUAGES, THEMES, Login
from crm.accounts.passwords import check_rules
from crm.accounts.queries import live_membership, locked_user
from crm.accounts.state import Accounts
from crm.accounts.throttle import Attempt
from crm.core.errors import N_, Conflict, Invalid
from crm.core.principal import Principal
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _

OVER_MEANWHILE = N_("You were signed out meanwhile. Sign in again.")


@dataclass(frozen=True)
class Profile:
    """What somebody sets for himself, in every clinic where he works.

    Without a `timezone` times are shown in the clinic's.
    """

    name: str
    language: str
    timezone: str | None = None
    theme: str = "system"
    has_shortcuts: bool = True


def change_profile(uow: UnitOfWork, wanted: Profile) -> None:
    """Change what the principal set for himself. Raises Invalid."""
    if not wanted.name.strip():
        raise Invalid(_("Give your name as your colleagues know it."), field="name")
    if wanted.timezone is not None and wanted.timezone not in available_timezones():
        raise Invalid(_("Choose a time zone from the list."), field="timezone")
    for field, value, known in (
        ("language", wanted.language, LANGUAGES),
        ("theme", wanted.theme, THEMES),
    ):
        if value not in known:
            raise Invalid(_("Choose one of: %(expected)s.", expected=", ".join(known)), field=field)
    assert uow.principal.id is not None
    user = locked_user(uow, uow.principal.id)
    user.name, user.language, user.timezone = wanted.name.strip(), wanted.language, wanted.timezone
    user.theme, user.has_shortcuts = wanted.theme, wanted.has_shortcuts
    uow.session.flush()


def change_phone(uow: UnitOfWork, e164: str) -> None:
    """Keep the number that the principal gave as his own; nobody has proved that it is."""
    assert uow.principal.id is not None
    locked_user(uow, uow.principal.id).phone = e164
    uow.session.flush()


def change_password(
    accounts: Accounts, attempt: Attempt, who: Recognised, current: str, new: str
) -> Opened:
    """Give a user another password; every login he has is over, and he gets a new one here.

    Whoever finds a browser open guesses as slowly as at the sign-in. Raises Invalid, TooMany,
    Conflict.
    """
    check_rules(new, [who.user.name, who.user.email, who.clinic.name])
    accounts.throttle.check(attempt)
    with accounts.passwords.slot():
        accounts.throttle.check(attempt)
        if not accounts.passwords.verify(current, who.user.password_hash):
            accounts.throttle.failed(attempt)
            raise Invalid(_("This is not your password."), field="current")
        hashed = accounts.passwords.hash(new)
    accounts.throttle.succeeded(attempt)
    principal = Principal("user", who.user.id)
    with accounts.database.transaction(who.clinic.id, principal) as uow:
        user, login = locked_user(uow, who.user.id), uow.get(Login, who.login.id)
        is_over = login.ended_at is not None or user.login_epoch != login.epoch
        if is_over or user.is_disabled or live_membership(uow, user.id) is None:
            raise Conflict(_(OVER_MEANWHILE))
        set_password(uow, user, hashed)
        token, login_id = open_login(uow, user, who.login.expires_at, who.login.clinics)
        audit(uow, "login.opened", "login", login_id, by="password")
    return Opened(token, login_id, user.id, who.clinic.id, who.login.clinics)
