"""The one-time mark of a shown form: it tells copies of one sending, and how long filling took."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

_SALT = "request-form"
_BYTES = 12
LONGEST = 300
OLDEST = 24 * 3600.0
"""Seconds after which a form left open is shown again before it is taken."""


@dataclass(frozen=True)
class FormToken:
    """A signed token and what it says: when its form was shown, under which one-time key."""

    text: str
    nonce: str
    shown_at: float

    def age(self, now: datetime) -> float:
        """Return the seconds since the form was shown."""
        return now.timestamp() - self.shown_at


def issue_token(signer: URLSafeSerializer, form_id: UUID, now: datetime) -> FormToken:
    """Return a fresh token for a form that is shown now."""
    nonce, shown_at = secrets.token_urlsafe(_BYTES), round(now.timestamp(), 3)
    text = signer.dumps([str(form_id), nonce, shown_at], salt=_SALT)
    return FormToken(text if isinstance(text, str) else text.decode(), nonce, shown_at)


def read_token(
    signer: URLSafeSerializer, form_id: UUID, text: str, now: datetime
) -> FormToken | None:
    """Return what a token says; None where we did not make it for this form, or it is too old."""
    if not text or len(text) > LONGEST:
        return None
    try:
        of_form, nonce, shown_at = signer.loads(text, salt=_SALT)
    except (BadSignature, ValueError):
        return None
    token = FormToken(text, nonce, shown_at)
    # A clock that was set back makes the token useless, not the patient a robot.
    return token if of_form == str(form_id) and 0 <= token.age(now) <= OLDEST else None
