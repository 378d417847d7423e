"""One sentence carried over a redirect: in a short signed cookie, so the address stays clean."""

from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

FLASH_COOKIE = "__Host-flash"
MAX_AGE = 60  # seconds

Tone = Literal["good", "bad", "plain"]


@dataclass(frozen=True)
class Flash:
    """What the next page says, and how it went."""

    message: str
    tone: Tone = "good"


def flash(response: Response, signer: URLSafeSerializer, message: str, tone: Tone = "good") -> None:
    """Let the next page say this; already translated, and without a patient's data."""
    response.set_cookie(
        FLASH_COOKIE,
        signer.dumps([message, tone]),
        max_age=MAX_AGE,
        secure=True,
        httponly=True,
        samesite="lax",
    )


def flash_of(request: Request, signer: URLSafeSerializer) -> Flash | None:
    """Return what the last page left to be said; a cookie that we did not sign says nothing."""
    cookie = request.cookies.get(FLASH_COOKIE)
    if cookie is None:
        return None
    try:
        message, tone = signer.loads(cookie)
    except (BadData, ValueError, TypeError):
        return None
    return Flash(message, tone)
