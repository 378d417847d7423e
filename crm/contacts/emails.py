"""Email addresses: any paste in, one normal form out."""

import re
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email

LONGEST_PASTE = 500
"""No address is longer than 254 characters; the rest is room for a name around it."""

_IN_BRACKETS = re.compile(r"[^<>]*<([^<>]*)>")


def parse(text: str) -> str | None:
    """Return the address in the form used for matching and sending, or None where it is none.

    All lower case, since no mailbox in use tells `Ana@` from `ana@`. Takes "mailto:" links and
    "Name <address>". Asks no name server.
    """
    if len(text) > LONGEST_PASTE:
        return None
    written = text.strip()
    bracketed = _IN_BRACKETS.fullmatch(written)
    address = (bracketed[1] if bracketed else written).strip()
    address = re.sub(r"(?i)^mailto:", "", address)
    checked = _check(address)
    if checked is None or checked == (lowered := normalize("NFC", checked.lower())):
        return checked
    # Lower case can leave a form that is no longer an address or no longer normal; check again.
    return _check(lowered)


def _check(address: str) -> str | None:
    try:
        valid = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        return None
    return valid.normalized
