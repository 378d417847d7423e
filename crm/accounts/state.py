"""What accounts need of the application, reachable from every request."""

from dataclasses import dataclass

from starlette.requests import Request

from crm.accounts.passwords import Passwords
from crm.accounts.throttle import Throttle
from crm.core.database import Database
from crm.core.settings import Settings


@dataclass(frozen=True)
class Accounts:
    """The package's own things, as `app.state.accounts`."""

    database: Database
    settings: Settings
    passwords: Passwords
    throttle: Throttle


def accounts_of(request: Request) -> Accounts:
    """Return the package's things for a request; an application without `install` has none."""
    accounts = request.app.state.accounts
    assert isinstance(accounts, Accounts)
    return accounts
