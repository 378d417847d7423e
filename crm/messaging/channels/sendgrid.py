"""Emails through SendGrid, by its own SDK."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import aiohttp
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    ClickTracking,
    Content,
    CustomArg,
    From,
    Header,
    OpenTracking,
    Personalization,
    Subject,
    SubscriptionTracking,
    To,
    TrackingSettings,
)
from sendgrid.helpers.mail import Mail as Letter

from crm.core import killpoints
from crm.core.settings import Settings
from crm.messaging.channels.base import (
    Accepted,
    Account,
    Action,
    Found,
    NoAnswer,
    OutboundMessage,
    Refused,
    Result,
)
from crm.messaging.channels.sendgrid_http import client_of

LONGEST_WAIT = 3600.0
"""Seconds; what a 429 asks for beyond this is asked again then."""

_WORDS = ("subject", "content")
_SENDER = ("from",)


@dataclass(frozen=True)
class SendGridEmail:
    """Emails through one SendGrid account; `in_flight` requests at once, at most."""

    client: SendGridAPIClient
    clinic_id: UUID
    in_flight: int = 20
    kind: str = "email"

    def send_many(self, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        """Yield Accepted, Refused or NoAnswer for each message, in any order."""
        source = iter(messages)
        results: SimpleQueue[Result] = SimpleQueue()
        under_way = 0
        # Leaving the pool waits for what flies, also when whoever pulls raised.
        with ThreadPoolExecutor(self.in_flight, thread_name_prefix="sendgrid") as pool:
            while True:
                while under_way < self.in_flight and (message := next(source, None)) is not None:
                    pool.submit(self._deliver, message, results)
                    under_way += 1
                if not under_way:
                    return
                result = results.get()
                under_way -= 1
                yield result

    def _deliver(self, message: OutboundMessage, results: SimpleQueue[Result]) -> None:
        results.put(self._send(message))

    def _send(self, message: OutboundMessage) -> Result:
        killpoints.reached("call.before")
        try:
            letter = letter_of(message, self.clinic_id)
        except Exception as fault:
            return Refused(message.attempt_id, type(fault).__name__, "final")
        try:
            answer = self.client.client.mail.send.post(request_body=letter.get())
        except Exception as fault:
            return _fault(message, fault)
        return _outcome(message, answer.status_code, answer.headers, answer.body)

    def find(self, to: str, sender: str, since: datetime, body: str) -> Sequence[Found] | None:
        """Return None: SendGrid is not asked; its event tells, or a person (SG-4)."""
        return None


def open_account(account: Account, settings: Settings) -> SendGridEmail:
    """Return the channel of a clinic's SendGrid account; connections are shared by all of them."""
    client = client_of(account.credentials["api_key"], settings)
    return SendGridEmail(client, account.clinic_id, settings.in_flight)


def letter_of(message: OutboundMessage, clinic_id: UUID) -> Letter:
    """Return the request for one recipient (SG-2); it names nobody but by opaque ids (SG-3).

    Nothing is added to it on the way: no pixel, no rewritten link, no footer of SendGrid's.
    """
    mail = message.mail
    assert mail is not None
    letter = Letter(From(message.sender, mail.from_name))
    letter.subject = Subject(mail.subject)
    letter.content = [Content("text/plain", message.body), Content("text/html", mail.html)]
    recipient = Personalization()
    recipient.add_to(To(message.to))
    for name, opaque in (
        ("clinic_id", clinic_id),
        ("communication_id", message.communication_id),
        ("attempt_id", message.attempt_id),
    ):
        recipient.add_custom_arg(CustomArg(name, str(opaque)))
    letter.add_personalization(recipient)
    if mail.unsubscribe_url is not None:
        letter.add_header(Header("List-Unsubscribe", f"<{mail.unsubscribe_url}>"))
        letter.add_header(Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    letter.tracking_settings = TrackingSettings(
        click_tracking=ClickTracking(False, False),
        open_tracking=OpenTracking(False),
        subscription_tracking=SubscriptionTracking(False),
    )
    return letter


def _outcome(
    message: OutboundMessage, status: int, headers: Mapping[str, str], body: bytes
) -> Result:
    """Return what an answer means: below 500 and no acceptance, it was refused (TW-46)."""
    if status == 202:
        told = headers.get("X-Message-Id")
        return Accepted(message.attempt_id, told or f"sg-{message.attempt_id.hex}", "accepted")
    if status >= 500:
        return NoAnswer(message.attempt_id, f"http_{status}")
    if 200 <= status < 300:
        return NoAnswer(message.attempt_id, f"http_{status}")
    if status == 429:
        return Refused(message.attempt_id, "429", "later", _wait(headers))
    return Refused(message.attempt_id, str(status), _action(status, _field(body)))


def _fault(message: OutboundMessage, fault: Exception) -> Result:
    """Return what a request without an answer means; without a connection nothing left."""
    if isinstance(fault, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Refused(message.attempt_id, "no_connection", "later")
    return NoAnswer(message.attempt_id, type(fault).__name__)


def _action(status: int, field: str) -> Action:
    """Return what a refusal asks for: by its status, and of a 400 by the field that was wrong."""
    if status in (401, 403, 404):
        return "sender"
    if status == 413:
        return "content"
    if status == 400:
        if field.startswith(_SENDER):
            return "sender"
        if field.startswith("personalizations") and ".to" in field:
            return "not_textable"
        if field.startswith(_WORDS):
            return "content"
    return "final"


def _field(body: bytes) -> str:
    """Return the field that an error names first; nothing where it names none."""
    try:
        told: Any = json.loads(body)
        return str(told["errors"][0].get("field") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a 429 asks for: until its reset, or as Retry-After says (SG-5)."""
    for name, since in (("Retry-After", 0.0), ("X-RateLimit-Reset", time.time())):
        try:
            seconds = float(headers.get(name) or "")
        except ValueError:
            continue
        return min(max(seconds - since, 0.0), LONGEST_WAIT)
    return None
