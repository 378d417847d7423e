"""What a caller may be told, as one tree of exceptions.

::

    DomainError                 422  the base: something that was asked cannot be done
    ├── Invalid                 422  some fields are wrong; `fields` says which and why
    ├── NotFound                404  unknown, or another clinic's: the answer is the same (SEC-6)
    ├── Unauthenticated         401  nobody is signed in, or the key is not known
    ├── Forbidden               403  signed in, but not allowed
    ├── Conflict                409  it clashes with what is there now
    │   ├── StaleVersion        409  somebody else changed it first
    │   └── WrongClinic         409  the page was opened for another clinic (SEC-2)
    ├── TooMany                 429  too many attempts; `retry_after` in seconds
    ├── TooLarge                413  the body is over the route's limit
    └── LeaseLost               500  internal: a worker's lease passed to another worker

A package adds its own by subclassing the nearest one and giving `code` and `title`. Actions raise
them, nobody catches them in a route: the transaction rolls back and `crm.web.errors` renders them.
A `detail` may reach the person who asked, so it is plain language; it never reaches a log.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


def N_(message: str) -> str:
    """Return the message unchanged: marks it for translation where it cannot be translated yet."""
    return message


class DomainError(Exception):
    """Something that was asked for cannot be done; see the module's docstring for the tree."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "not_possible"
    title: ClassVar[str] = N_("This cannot be done")

    def __init__(
        self, detail: str = "", *, field: str | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        wrong = dict(fields or {})
        if field is not None:
            wrong.setdefault(field, detail)
        self.fields: Mapping[str, str] = MappingProxyType(wrong)


class Invalid(DomainError):
    """Some fields are wrong; `fields` maps each to what to do about it."""

    code = "invalid"
    title = N_("Please check what you entered")


class NotFound(DomainError):
    """Unknown here; a row of another clinic gives the same answer (SEC-6)."""

    status = 404
    code = "not_found"
    title = N_("We could not find that")


class Unauthenticated(DomainError):
    """Nobody is signed in, or the key is not known."""

    status = 401
    code = "unauthenticated"
    title = N_("Please sign in")


class Forbidden(DomainError):
    """Signed in, but not allowed to do this."""

    status = 403
    code = "forbidden"
    title = N_("You are not allowed to do that")


class Conflict(DomainError):
    """It clashes with what is there now."""

    status = 409
    code = "conflict"
    title = N_("That clashes with something that is already there")


class StaleVersion(Conflict):
    """Somebody else changed the row since the page was loaded."""

    code = "stale_version"
    title = N_("Changed by someone else")


class WrongClinic(Conflict):
    """The page belongs to another clinic than the login's current one (SEC-2)."""

    code = "wrong_clinic"
    title = N_("You are in another clinic in a second tab")


class TooMany(DomainError):
    """Too many attempts; `retry_after` says in how many seconds to try again."""

    status = 429
    code = "too_many"
    title = N_("Too many attempts")

    def __init__(self, detail: str = "", *, retry_after: int = 60) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooLarge(DomainError):
    """The body is over the limit of its route."""

    status = 413
    code = "too_large"
    title = N_("That is too large")


class LeaseLost(DomainError):
    """A worker's lease passed to another worker; what it wrote must be rolled back."""

    status = 500
    code = "lease_lost"
    title = N_("The work was taken over")
