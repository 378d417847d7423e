"""The routes' vocabulary: who is signed in, in which clinic, with which transaction.

A page's route says `uow: ClinicUow` and `dependencies=[require("leads:move")]`; a route for
programs says `uow: Annotated[UnitOfWork, ApiUow("requests:write")]`. Both transactions are
committed before the answer is sent: what raises in the commit is answered as an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from crm.accounts.actions.api_keys import ApiPrincipal, authenticate_key
from crm.accounts.actions.logins import Recognised, recognise
from crm.accounts.alarms import NOTHING
from crm.accounts.frame import frame_for, language_for
from crm.accounts.roles import SCOPES, roles_of
from crm.accounts.state import accounts_of
from crm.core.errors import Forbidden, Unauthenticated
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.privacy.actions import Origin, came_from
from crm.web import live
from crm.web.csrf import SESSION_COOKIE, verify_clinic, verify_csrf
from crm.web.htmx import CLIENT_HEADER
from crm.web.language import _
from crm.web.state import web_of

log = structlog.get_logger("crm.accounts")
_bearer = HTTPBearer(auto_error=False, description="An API key of the clinic.")


class SignInNeeded(Unauthenticated):
    """A page was asked for by nobody we know; people are led to the sign-in."""


@dataclass(frozen=True)
class SignedIn:
    """The user behind a request, in the clinic where he is now."""

    user_id: UUID
    clinic_id: UUID
    role: str
    login_id: UUID
    name: str
    language: str
    recognised: Recognised

    @property
    def principal(self) -> Principal:
        """Who the request's writes are done by."""
        return Principal("user", self.user_id)


def get_runtime(request: Request) -> Runtime:
    """Return the process's runtime."""
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


async def note_origin(request: Request) -> None:
    """Remember for the audit trail where this request came from."""
    _come_from(request)


def _come_from(request: Request, login_id: UUID | None = None) -> None:
    came_from(
        Origin(
            request_id=getattr(request.state, "request_id", None),
            ip=request.client.host if request.client else None,
            user_agent=request.headers.get("user-agent"),
            login_id=login_id,
        )
    )


async def verify_write(request: Request) -> None:
    """Refuse a write that none of our pages sent (SEC-2); a dependency of the whole application.

    A page left open in another clinic has an old token too: it is told what is the matter. What
    the request does is audited with where it came from. Raises Forbidden, WrongClinic.
    """
    _come_from(request)
    try:
        await verify_csrf(request)
    except Forbidden:
        if web_of(request).csrf.comes_from_us(request):
            found = await run_in_threadpool(_recognise, request)
            if found is not None:
                await verify_clinic(request, found.clinic.id)
        raise


def _recognise(request: Request) -> Recognised | None:
    """Return who sent the request, asked for once a request."""
    if not hasattr(request.state, "recognised"):
        token = request.cookies.get(SESSION_COOKIE)
        accounts = accounts_of(request)
        idle = timedelta(minutes=accounts.settings.session_idle_minutes)
        watched = getattr(request.app.state, "watched", NOTHING)
        is_present = not live.asks_by_itself(request)
        found = (
            recognise(accounts.database, token, idle, watched, is_present=is_present)
            if token
            else None
        )
        request.state.recognised = found
    recognised: Recognised | None = request.state.recognised
    return recognised


async def maybe_login(
    request: Request, _guarded: Annotated[None, Depends(verify_write)]
) -> SignedIn | None:
    """Return who is signed in, if anybody is; sets the language and the frame of the pages."""
    found = await run_in_threadpool(_recognise, request)
    if found is None:
        return None
    _come_from(request, found.login.id)
    request.state.language = language_for(request, found)
    request.state.frame = frame_for(request, found, accounts_of(request).settings)
    return SignedIn(
        user_id=found.user.id,
        clinic_id=found.clinic.id,
        role=found.membership.role,
        login_id=found.login.id,
        name=found.user.name,
        language=request.state.language,
        recognised=found,
    )


async def current_login(
    request: Request, login: Annotated[SignedIn | None, Depends(maybe_login)]
) -> SignedIn:
    """Return who is signed in. Raises SignInNeeded, WrongClinic."""
    if login is None:
        raise SignInNeeded
    await verify_clinic(request, login.clinic_id)
    return login


CurrentLogin = Annotated[SignedIn, Depends(current_login)]
"""Who is signed in; nobody: pages lead to the sign-in, programs get a 401."""

MaybeLogin = Annotated[SignedIn | None, Depends(maybe_login)]
"""Who is signed in, or None."""


def clinic_uow(request: Request, login: CurrentLogin) -> Iterator[UnitOfWork]:
    """Open the transaction of a page's route in the login's clinic."""
    database = accounts_of(request).database
    with database.transaction(login.clinic_id, login.principal) as uow:
        uow.client_id = live.client_of(request.headers.get(CLIENT_HEADER))
        yield uow


ClinicUow = Annotated[UnitOfWork, Depends(clinic_uow, scope="function")]
"""The transaction of a signed-in user's request, committed before the answer."""


@contextmanager
def own_uow(request: Request) -> Iterator[UnitOfWork]:
    """Open a transaction of its own for a refused form that is shown again (`shows_again`)."""
    found = _recognise(request)
    if found is None:
        raise SignInNeeded
    principal = Principal("user", found.user.id)
    with accounts_of(request).database.transaction(found.clinic.id, principal) as uow:
        yield uow


def require(*names: str) -> Any:
    """Return a dependency that lets in the named roles, or those with the named capabilities.

    It gives the `SignedIn`. Raises ValueError at once for an unknown name.
    """
    allowed = roles_of(*names)

    def allowed_login(login: CurrentLogin) -> SignedIn:
        if login.role not in allowed:
            log.warning("access.denied", user_id=str(login.user_id), needed=list(names))
            raise Forbidden(_("Your role in this clinic does not include this."))
        return login

    allowed_login.allowed = allowed  # type: ignore[attr-defined]
    return Depends(allowed_login)


def api_principal(scope: str) -> Any:
    """Return a dependency that gives the `ApiPrincipal` of the request's key, for one scope."""
    if scope not in SCOPES:
        raise ValueError(f"{scope!r} is no scope of an API key")

    def of_key(
        request: Request,
        sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        _origin: Annotated[None, Depends(note_origin)],
    ) -> ApiPrincipal:
        if sent is None:
            raise Unauthenticated(_("Send an API key: Authorization: Bearer fd_…"))
        return authenticate_key(accounts_of(request).database, sent.credentials, scope)

    return Depends(of_key)


def ApiUow(scope: str) -> Any:
    """Return a dependency that opens the transaction of a program's request in its key's clinic."""

    def api_uow(
        request: Request, key: Annotated[ApiPrincipal, api_principal(scope)]
    ) -> Iterator[UnitOfWork]:
        database = accounts_of(request).database
        with database.transaction(key.clinic_id, key.principal) as uow:
            yield uow

    return Depends(api_uow, scope="function")
