"""Writes come from our own pages: where they come from is checked, and a token (SEC-2)."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.requests import Request

from crm.core.errors import Forbidden, WrongClinic
from crm.web.forms import CLINIC_FIELD, CSRF_FIELD
from crm.web.language import _

SESSION_COOKIE = "__Host-frontdesk"
VISITOR_COOKIE = "__Host-visitor"
CSRF_HEADER = "X-CSRF-Token"
CLINIC_HEADER = "X-Clinic-Id"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# No cookie decides anything there: signatures, keys, and what whoever has the address may do.
COOKIELESS_PATHS = ("/webhooks/", "/f/", "/u/")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Csrf:
    """Makes and checks tokens: an HMAC of the login's cookie under a secret of the server.

    Before sign-in there is no login, so a random visitor cookie stands in for it; signing in
    changes the cookie, and with it the token.
    """

    secret: bytes
    public_origin: str

    def token(self, seed: str) -> str:
        """Return the token that belongs to a login or visitor cookie."""
        return hmac.new(self.secret, b"csrf:" + seed.encode(), sha256).hexdigest()

    def token_for(self, request: Request) -> str:
        """Return the token for a page; a visitor without a cookie gets one with the response."""
        seed = seed_of(request)
        if seed is None:
            seed = getattr(request.state, "new_visitor", None) or secrets.token_urlsafe(24)
            request.state.new_visitor = seed
        return self.token(seed)

    def comes_from_us(self, request: Request) -> bool:
        """Return whether the browser says that one of our own pages sent this; silence is a no."""
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = request.headers.get("origin") or _origin_of(request.headers.get("referer", ""))
        if not origin:
            return site is not None
        own = {self.public_origin, f"{request.url.scheme}://{request.headers.get('host', '')}"}
        return origin in own


def seed_of(request: Request) -> str | None:
    """Return the cookie that the token is bound to, if the browser sent one."""
    return request.cookies.get(SESSION_COOKIE) or request.cookies.get(VISITOR_COOKIE)


async def verify_csrf(request: Request) -> None:
    """Refuse a write that none of our own pages sent; a dependency of the whole application.

    Requests that bring an API key, webhooks and public forms pass: no cookie decides there.
    Raises Forbidden.
    """
    if request.method in SAFE_METHODS or request.url.path.startswith(COOKIELESS_PATHS):
        return
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    if request.url.path.startswith("/api/") and SESSION_COOKIE not in request.cookies:
        return  # a program that forgot its key is told so by the route
    csrf: Csrf = request.app.state.web.csrf
    seed, sent = seed_of(request), await _sent(request, CSRF_HEADER, CSRF_FIELD)
    if not csrf.comes_from_us(request):
        raise Forbidden(_("This was sent from another site."))
    if seed is None or not hmac.compare_digest(csrf.token(seed).encode(), sent.encode()):
        raise Forbidden(_("The page was open for too long, or you signed in again meanwhile."))


async def verify_clinic(request: Request, clinic_id: object) -> None:
    """Refuse a write from a page of another clinic than the login's current one (SEC-2).

    Raises WrongClinic. A page that carries no clinic, such as the sign-in, passes.
    """
    if request.method in SAFE_METHODS:
        return
    sent = await _sent(request, CLINIC_HEADER, CLINIC_FIELD)
    if sent and sent != str(clinic_id):
        raise WrongClinic(_("Nothing was changed. Load the page again to go on in this clinic."))


async def _sent(request: Request, header: str, field: str) -> str:
    value = request.headers.get(header)
    if value is None and request.headers.get("content-type", "").startswith(_FORM_TYPES):
        typed = (await request.form()).get(field)
        value = typed if isinstance(typed, str) else None
    return value or ""


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""
