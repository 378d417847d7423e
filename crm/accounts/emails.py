"""The normal form of a user's email, by which an account is found."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from crm.core.errors import Invalid
from crm.web.language import _


def normal_email(typed: str) -> str:
    """Return the email as accounts are found by it: one Unicode form, no capitals, no blanks."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def valid_email(typed: str) -> str:
    """Return the normal form of an email that can exist. Raises Invalid."""
    try:
        found = validate_email(normal_email(typed), check_deliverability=False)
    except EmailNotValidError:
        raise Invalid(_("This is not a valid email address."), field="email") from None
    return normal_email(found.normalized)
