"""Puts accounts into an application: one call of `crm.app`, after `crm.web.setup.install`."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.accounts.deps import SignInNeeded, maybe_login
from crm.accounts.passwords import Passwords
from crm.accounts.queries import still_open
from crm.accounts.state import Accounts
from crm.accounts.throttle import Throttle
from crm.core.runtime import Runtime
from crm.web.csrf import SAFE_METHODS, SESSION_COOKIE
from crm.web.errors import answer_domain, answer_http, wants_json
from crm.web.flash import flash
from crm.web.htmx import is_htmx
from crm.web.language import _
from crm.web.live import Hub, Topic
from crm.web.paths import path_of
from crm.web.state import web_of


def install(app: FastAPI, runtime: Runtime, *, passwords: Passwords | None = None) -> Accounts:
    """Let routes find the accounts' things, and lead people who are not signed in to the sign-in.

    `passwords` is for tests, which hash cheaply.
    """
    accounts = Accounts(
        database=runtime.database,
        settings=runtime.settings,
        passwords=passwords or Passwords(),
        throttle=Throttle(runtime.settings.redis_url),
    )
    app.state.runtime = runtime
    app.state.accounts = accounts
    app.add_exception_handler(SignInNeeded, _lead_to_sign_in)
    app.add_exception_handler(HTTPException, _answer_in_frame)
    return accounts


def hub(runtime: Runtime, topics: Sequence[Topic]) -> Hub:
    """Return what tells the process's open pages of news, as long as their logins are open."""
    idle = timedelta(minutes=runtime.settings.session_idle_minutes)
    return Hub(runtime.settings.redis_url, topics, partial(still_open, runtime.database, idle))


async def _answer_in_frame(request: Request, error: Exception) -> Response:
    # An address that is not has no route that would have asked who is there.
    with suppress(SQLAlchemyError):
        await maybe_login(request, None)
    return await answer_http(request, error)


async def _lead_to_sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    if wants_json(request):
        return answer_domain(request, error)
    if is_htmx(request):
        # A part of a page is no place for the sign-in: the whole page is loaded again, and led.
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    path = path_of(request, "accounts:sign_in")
    # Only the path: a query may hold what somebody searched for. A write is not repeated.
    is_read = request.method in SAFE_METHODS
    has_next = is_read and request.url.path != "/"
    response = RedirectResponse(
        f"{path}?{urlencode({'next': request.url.path})}" if has_next else path, 303
    )
    if SESSION_COOKIE in request.cookies and (has_next or not is_read):
        words = (
            _("You were signed out. Sign in to go on where you were.")
            if is_read
            else _("You were signed out, and what you sent last was not saved. Sign in again.")
        )
        flash(response, web_of(request).signer, words, "plain")
    return response
