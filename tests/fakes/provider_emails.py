"""The shapes of SendGrid's Mail Send, as far as an email that a person gets needs them."""

import json
from typing import Any

from tests.fakes.provider_http import Reply
from tests.fakes.provider_messages import json_reply

MAIL_SEND = "/v3/mail/send"


def read_email(body: bytes) -> dict[str, str]:
    """Return a request under the names of a text's form, with the attempt id that it carries.

    Raises ValueError, LookupError or TypeError for what SendGrid would not take.
    """
    asked: dict[str, Any] = json.loads(body)
    [recipient] = asked["personalizations"]
    [to] = recipient["to"]
    plain = next(part for part in asked["content"] if part["type"] == "text/plain")
    return {
        "To": to["email"],
        "From": asked["from"]["email"],
        "Body": plain["value"],
        "attempt_id": recipient["custom_args"]["attempt_id"],
    }


def email_reply(message_id: str) -> Reply:
    """Return the answer to an email that was taken on (SG-1)."""
    return Reply(202, headers=(("X-Message-Id", message_id),))


def email_error(status: int, message: str) -> Reply:
    """Return an error as SendGrid words it."""
    return json_reply(status, {"errors": [{"message": message, "field": None, "help": None}]})
