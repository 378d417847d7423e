"""Texts through Twilio, by its own SDK."""

import unicodedata
from asyncio import CancelledError
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from crm.core import killpoints
from crm.core.settings import LOOPBACK, Settings
from crm.messaging.channels.base import (
    Accepted,
    Account,
    Found,
    NoAnswer,
    OutboundMessage,
    ProviderUnreachable,
    Refused,
    Result,
)
from crm.messaging.channels.http_loop import start, wait_for
from crm.messaging.channels.refusals import action_for
from crm.messaging.channels.twilio_http import DEFAULT_URL, PooledHttp, TooManyRequests

LONGEST_VALIDITY = 36_000
"""Seconds; Twilio's own most (TW-40)."""

MOST_LISTED = 200
"""Texts of one pair of numbers that are looked through when Twilio is asked."""

_CLOCKS_DIFFER = timedelta(minutes=1)
_TRIAL_PREFIX = "Sent from your Twilio trial account - "
# What a carrier's or Twilio's smart encoding makes of the characters that people type.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-"})  # noqa: RUF001


@dataclass(frozen=True)
class TwilioSms:
    """Texts through one Twilio account; `in_flight` requests at once, at most."""

    client: Client
    in_flight: int = 20
    is_callable: bool = True
    kind: str = "sms"

    def send_many(self, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        """Yield Accepted, Refused (by TW-44) or NoAnswer for each message, in any order."""
        source = iter(messages)
        results: SimpleQueue[Result] = SimpleQueue()
        under_way = 0
        try:
            while True:
                while under_way < self.in_flight and (message := next(source, None)) is not None:
                    # At once: the next pull may wait for a transaction, and this text must not.
                    start(self._deliver(message, results))
                    under_way += 1
                if not under_way:
                    return
                result = results.get()
                under_way -= 1
                yield result
        finally:
            # Whoever pulls no more, or raised while it did, goes on when what flies has landed.
            for _ in range(under_way):
                results.get()

    async def _deliver(self, message: OutboundMessage, results: SimpleQueue[Result]) -> None:
        results.put(await self._send(message))

    async def _send(self, message: OutboundMessage) -> Result:
        killpoints.reached("call.before")
        try:
            created = await self.client.messages.create_async(
                to=message.to,
                from_=message.sender,
                body=message.body,
                status_callback=message.status_callback if self.is_callable else None,
                validity_period=max(1, min(message.valid_seconds, LONGEST_VALIDITY)),
            )
            return Accepted(message.attempt_id, str(created.sid), str(created.status or "queued"))
        except (Exception, CancelledError) as fault:
            return _outcome(message, fault)

    def find(self, to: str, sender: str, since: datetime, body: str) -> Sequence[Found]:
        """Return the texts of this pair that Twilio has since then, oldest first.

        Asked by To and From; the date is compared here, because a text that still waits in
        Twilio's queue has no DateSent to be found by. Raises ProviderUnreachable.
        """
        try:
            messages = self.client.messages
            listed = wait_for(messages.list_async(to=to, from_=sender, limit=MOST_LISTED))
        except Exception as fault:
            raise ProviderUnreachable(type(fault).__name__) from None
        found = [
            (_created(each), _found(each, body))
            for each in listed
            if _created(each) >= since - _CLOCKS_DIFFER
        ]
        return [text for _, text in sorted(found, key=lambda pair: pair[0])]


def open_account(account: Account, settings: Settings) -> TwilioSms:
    """Return the channel of a clinic's Twilio account; connections are shared by all of them."""
    client = client_of(account.external_id, account.credentials["auth_token"], settings)
    return TwilioSms(client, settings.in_flight, can_call_back(settings))


def client_of(account_sid: str | None, auth_token: str, settings: Settings) -> Client:
    """Return the SDK's client for an account, whose requests are coroutines for `http_loop`."""
    return Client(
        account_sid,
        auth_token,
        http_client=PooledHttp(settings.twilio_api_url),
        environment={"TWILIO_EDGE": ""},  # Settings say where Twilio is, not its own variables.
    )


def can_call_back(settings: Settings) -> bool:
    """Whether the provider can reach us; Twilio refuses a text whose callback is on loopback."""
    is_ours_alone = urlsplit(settings.base_url).hostname in LOOPBACK
    return not (is_ours_alone and settings.twilio_api_url.rstrip("/") == DEFAULT_URL)


def _outcome(message: OutboundMessage, fault: BaseException) -> Result:
    """Return what a failed request means: refused where nothing can have been accepted."""
    if isinstance(fault, TooManyRequests):
        return Refused(message.attempt_id, "20429", "later", fault.retry_after)
    if isinstance(fault, TwilioRestException | TwilioServiceException) and fault.status < 500:
        code = str(fault.code or fault.status)
        return Refused(message.attempt_id, code, action_for(code))
    if isinstance(fault, TwilioRestException | TwilioServiceException):
        return NoAnswer(message.attempt_id, f"http_{fault.status}")
    if _was_never_sent(fault):
        return Refused(message.attempt_id, "no_connection", "later")
    return NoAnswer(message.attempt_id, type(fault).__name__)


def _was_never_sent(fault: BaseException) -> bool:
    """Whether no byte of the request can have left: there was no connection yet (TW-46)."""
    return isinstance(fault, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _found(message: Any, body: str) -> Found:
    code = _code(message.error_code)
    return Found(str(message.sid), str(message.status), code, _says(message.body, body))


def _created(message: Any) -> datetime:
    created = message.date_created or message.date_sent
    return created if isinstance(created, datetime) else datetime.max.replace(tzinfo=UTC)


def _code(code: Any) -> str | None:
    return None if code in (None, "", 0) else str(code)


def _says(theirs: str | None, ours: str) -> bool:
    """Whether it is our text; a body that Twilio redacted may be, and counts as it."""
    return not theirs or _plain(theirs.removeprefix(_TRIAL_PREFIX)) == _plain(ours)


def _plain(body: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", body.translate(_PLAIN)).split())
