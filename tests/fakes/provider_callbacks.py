"""Status callbacks as the provider sends them: signed, in order, from threads behind it."""

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from threading import Event
from urllib.parse import urldefrag, urlencode

from twilio.request_validator import RequestValidator

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Plan:
    """How callbacks go out: statuses, pause before each, repetitions after a failure, copies."""

    statuses: tuple[str, ...]
    delay_s: float
    retries: int
    copies: int
    error_code: int | None


def signed_post(url: str, params: dict[str, str], auth_token: str) -> int:
    """Post a form with Twilio's signature (TW-1); return the HTTP status, 0 without an answer."""
    address = urldefrag(url).url
    signature = RequestValidator(auth_token).compute_signature(address, params)
    request = urllib.request.Request(
        address,
        data=urlencode(params).encode(),
        headers={
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
        },
    )
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, HTTPException):
        return 0


class Callbacks:
    """Sends the callbacks of accepted texts in the background and reports each attempt."""

    def __init__(
        self,
        on_status: Callable[[str, str], None],
        on_attempt: Callable[[str, str, int], None],
    ) -> None:
        self._on_status = on_status
        self._on_attempt = on_attempt
        self._stopping = Event()
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="callbacks")

    def start(self, url: str, params: dict[str, str], auth_token: str, plan: Plan) -> None:
        """Queue the callbacks of one text."""
        self._threads.submit(self._run, url, params, auth_token, plan)

    def stop(self) -> None:
        """Drop what was not sent."""
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def _run(self, url: str, params: dict[str, str], auth_token: str, plan: Plan) -> None:
        for status in plan.statuses:
            if self._stopping.wait(plan.delay_s):
                return
            self._on_status(params["MessageSid"], status)
            told = {**params, "MessageStatus": status, "SmsStatus": status}
            if plan.error_code is not None and status in {"failed", "undelivered"}:
                told["ErrorCode"] = str(plan.error_code)
            for _ in range(plan.copies):
                self._deliver(url, told, auth_token, plan.retries)

    def _deliver(self, url: str, params: dict[str, str], auth_token: str, retries: int) -> None:
        for attempt in range(1 + retries):
            answer = signed_post(url, params, auth_token)
            self._on_attempt(params["MessageSid"], params["MessageStatus"], answer)
            if 200 <= answer < 300 or self._stopping.wait(min(0.1 * 2**attempt, 2.0)):
                return
