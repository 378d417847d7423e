"""What accounts leave in a browser, and what they know about it."""

import secrets
from hashlib import sha256

from itsdangerous import BadData
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.emails import normal_email
from crm.accounts.throttle import Attempt
from crm.core.settings import LOOPBACK
from crm.web.csrf import SESSION_COOKIE, VISITOR_COOKIE
from crm.web.language import _
from crm.web.state import web_of

DEVICE_COOKIE = "__Host-device"
# A browser names those that it wants to be taken for as well: the first that is found is it.
_BROWSERS = (
    *(("Edg", "Edge"), ("Firefox", "Firefox"), ("FxiOS", "Firefox")),
    *(("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
    *(("Windows", "Windows"), ("Macintosh", "macOS"), ("Linux", "Linux")),
)
_YEAR = 365 * 24 * 3600
_MOST_ACCOUNTS = 12
_MARK = "device"


def let_in(request: Request, response: Response, token: str, email: str | None = None) -> None:
    """Give the browser its login, and remember that this account was opened in it (SEC-5)."""
    response.set_cookie(SESSION_COOKIE, token, secure=True, httponly=True, samesite="lax")
    response.delete_cookie(VISITOR_COOKIE, secure=True, httponly=True, samesite="lax")
    if email is not None:
        device, known = _device(request)
        account = _account(email)
        accounts = [account, *(one for one in known if one != account)][:_MOST_ACCOUNTS]
        signed = web_of(request).signer.dumps([_MARK, device, accounts])
        response.set_cookie(
            DEVICE_COOKIE, signed, _YEAR, secure=True, httponly=True, samesite="lax"
        )


def let_out(response: Response) -> None:
    """Take the login from the browser."""
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="lax")


def attempt_of(request: Request, email: str) -> Attempt:
    """Return what the throttle counts of an attempt to sign in."""
    device, known = _device(request)
    account = _account(email)
    ip = request.client.host if request.client else ""
    return Attempt(account, ip, device if account in known else None)


def can_keep_cookies(request: Request, public_url: str) -> bool:
    """Return whether the browser keeps our cookies: over HTTPS, or on this machine (SEC-2).

    Behind a proxy that ends TLS the scheme is unknown here; the public address says it.
    """
    if request.url.scheme == "https" or request.url.hostname in LOOPBACK:
        return True
    return public_url == f"https://{request.headers.get('host', '')}"


def in_words(user_agent: str) -> str:
    """Return "Chrome on Windows" for what a browser says of itself, or that if it is unknown."""
    browser = next((name for token, name in _BROWSERS if token in user_agent), "")
    system = next((name for token, name in _SYSTEMS if token in user_agent), "")
    if not (browser and system):
        return user_agent
    return _("%(browser)s on %(system)s", browser=browser, system=system)


def _account(email: str) -> str:
    return sha256(f"account\0{normal_email(email)}".encode()).hexdigest()[:32]


def _device(request: Request) -> tuple[str, list[str]]:
    """Return the browser's id, a new one if need be, and the accounts once opened in it."""
    try:
        mark, device, accounts = web_of(request).signer.loads(request.cookies[DEVICE_COOKIE])
    except (KeyError, BadData, ValueError, TypeError):
        return secrets.token_urlsafe(16), []
    if mark != _MARK or not isinstance(device, str) or not isinstance(accounts, list):
        return secrets.token_urlsafe(16), []
    return device, accounts
