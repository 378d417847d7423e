"""The stand-in's answers: Twilio's Messages, SendGrid's Mail Send, their failures, its controls."""

import json
import random
import time
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from secrets import token_hex
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.provider_accounts import account_reply, numbers_reply
from tests.fakes.provider_callbacks import Callbacks, Plan
from tests.fakes.provider_emails import MAIL_SEND, email_error, email_reply, read_email
from tests.fakes.provider_http import Reply, Request
from tests.fakes.provider_ledger import Asked, Ledger, attempt_of
from tests.fakes.provider_messages import (
    ROOT,
    as_message,
    basic_auth,
    error_reply,
    json_reply,
    period,
    read_form,
    refusal,
)
from tests.fakes.sendgrid import KEY

CONTROL = "/_control"


@dataclass(frozen=True)
class Behaviour:
    """How the stand-in behaves; percentages of accepted-looking requests, drawn at random."""

    latency_ms: float = 0
    percent_500: float = 0
    percent_500_accepted: float = 0
    percent_timeout: float = 0
    percent_reset: float = 0
    percent_reset_accepted: float = 0
    percent_429: float = 0
    retry_after_s: int = 1
    blackout_s: float = 0
    callbacks: bool = False
    callback_delay_ms: float = 0
    callback_retries: int = 0
    callback_copies: int = 1
    statuses: list[str] = field(default_factory=lambda: ["sent", "delivered"])
    error_code: int | None = None
    refuse: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    account_status: str = "active"
    numbers: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def _fails(self) -> bool:
        return any(getattr(self, f"percent_{name}") for name in _FAILURES)

    def draw(self, dice: random.Random) -> str:
        """Return the outcome of one request: `accepted`, or a failure by its name."""
        if not self._fails:
            return "accepted"
        left = dice.uniform(0, 100)
        for name in _FAILURES:
            left -= getattr(self, f"percent_{name}")
            if left < 0:
                return name
        return "accepted"


# Name of the failure: whether the text is accepted all the same, and what the caller sees.
_FAILURES: dict[str, tuple[bool, Reply]] = {
    "500": (False, Reply(500)),
    "500_accepted": (True, Reply(500)),
    "timeout": (True, Reply(is_silent=True)),
    "reset": (False, Reply(is_reset=True)),
    "reset_accepted": (True, Reply(is_reset=True)),
    "429": (False, Reply(429)),
}
_CODES = {500: (20500, "Internal Server Error"), 429: (20429, "Too Many Requests")}


class Service:
    """Answers requests and keeps the ledger; runs in one thread."""

    def __init__(self, ledger: Ledger, callbacks: Callbacks, accounts: dict[str, str]) -> None:
        self._ledger = ledger
        self._callbacks = callbacks
        self._dice = random.Random(7)
        self._dark_until = 0.0
        self.behaviour = Behaviour(accounts=accounts)

    def answer(self, request: Request) -> Reply:
        """Return the reply to any request."""
        parts = urlsplit(request.target)
        if parts.path == CONTROL:
            return self._control(request)
        if parts.path == MAIL_SEND:
            return self._send_email(request)
        if not parts.path.startswith(ROOT):
            return error_reply(404, 20404, f"The requested resource {parts.path} was not found")
        path = parts.path.removeprefix(ROOT).removesuffix(".json")
        account_sid, _, resource = path.partition("/")
        if not self._is_known(account_sid, request):
            return error_reply(401, 20003, "Authenticate")
        if resource == "Messages" and request.method == "POST":
            return self._create(account_sid, request)
        if time.monotonic() < self._dark_until:
            return Reply(is_reset=True)
        if resource == "Messages":
            return self._list(account_sid, parts.query)
        if not resource:
            return account_reply(account_sid, self.behaviour.account_status)
        if resource == "IncomingPhoneNumbers":
            pattern = parse_qs(parts.query).get("PhoneNumber", [""])[-1]
            return numbers_reply(account_sid, self.behaviour.numbers, pattern)
        found = self._ledger.find(account_sid, resource.removeprefix("Messages/"))
        if found is None:
            return error_reply(404, 20404, f"The requested resource {parts.path} was not found")
        return json_reply(200, as_message(found))

    def configure(self, changes: dict[str, object]) -> None:
        """Change the behaviour; a `blackout_s` begins now. Raises TypeError for unknown names."""
        self.behaviour = replace(self.behaviour, **changes)  # type: ignore[arg-type]
        if "blackout_s" in changes:
            self._dark_until = time.monotonic() + self.behaviour.blackout_s

    def _control(self, request: Request) -> Reply:
        if request.method == "POST":
            try:
                self.configure(json.loads(bytes(request.body)))
            except (TypeError, ValueError) as error:
                known = ", ".join(field.name for field in fields(Behaviour))
                return error_reply(400, 0, f"{error} (known: {known})")
        return json_reply(200, asdict(self.behaviour))

    def _is_known(self, account_sid: str, request: Request) -> bool:
        token = self.behaviour.accounts.get(account_sid)
        given = request.headers.get("authorization", "")
        return token is not None and given == basic_auth(account_sid, token)

    def _create(self, account_sid: str, request: Request) -> Reply:
        form = read_form(request.body.decode())
        refused = refusal(form, self.behaviour.refuse)
        outcome, is_accepted, reply = self._outcome(refused)
        asked = self._asked(account_sid, form, request, outcome, is_accepted)
        self._ledger.record(asked)
        if is_accepted:
            self._call_back(asked)
        return self._late(self._filled(reply, asked))

    def _send_email(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return email_error(401, "The provided authorization grant is invalid")
        try:
            form = read_email(bytes(request.body))
        except (ValueError, LookupError, TypeError, StopIteration) as error:
            return email_error(400, f"Bad request: {error!r}")
        outcome, is_accepted, reply = self._outcome(None)
        asked = self._asked("", form, request, outcome, is_accepted)._replace(
            attempt_id=form["attempt_id"], channel="email"
        )
        self._ledger.record(asked)
        if reply.status in _CODES:
            failed = email_error(reply.status, _CODES[reply.status][1])
            reply = replace(failed, headers=self._comes_back(reply.status))
        elif reply.status == 201:
            reply = email_reply(asked.sid or "")
        return self._late(reply)

    def _outcome(self, refused: Reply | None) -> tuple[str, bool, Reply]:
        """Return a request's outcome: its name, whether it is taken on, and what is seen of it."""
        if time.monotonic() < self._dark_until:
            return "blackout", False, Reply(is_reset=True)
        if refused is not None:
            return "refused", False, refused
        outcome = self.behaviour.draw(self._dice)
        is_accepted, reply = _FAILURES.get(outcome, (True, Reply(201)))
        return outcome, is_accepted, reply

    def _late(self, reply: Reply) -> Reply:
        latency_s = self.behaviour.latency_ms / 1000
        return replace(reply, delay_s=latency_s) if latency_s else reply

    def _comes_back(self, status: int) -> tuple[tuple[str, str], ...]:
        """Return when to come back, after too many requests."""
        return (("Retry-After", str(self.behaviour.retry_after_s)),) if status == 429 else ()

    def _asked(
        self, account_sid: str, form: dict[str, str], request: Request, outcome: str, took: bool
    ) -> Asked:
        callback = form.get("StatusCallback", "")
        is_told = self.behaviour.callbacks and bool(callback)
        return Asked(
            sid=f"SM{token_hex(16)}" if took else None,
            account_sid=account_sid,
            to=form.get("To", ""),
            sender=form.get("From", ""),
            service_sid=form.get("MessagingServiceSid", ""),
            body=form.get("Body", ""),
            status_callback=callback,
            attempt_id=attempt_of(callback),
            outcome=outcome,
            status="queued" if is_told else self.behaviour.statuses[-1],
            begun_ns=request.begun_ns,
            begun_at=request.begun_at,
            received_ns=time.monotonic_ns(),
            received_at=time.time(),
        )

    def _filled(self, reply: Reply, asked: Asked) -> Reply:
        if reply.is_reset or reply.is_silent or reply.body:
            return reply
        if reply.status in _CODES:
            failed = error_reply(reply.status, *_CODES[reply.status])
            return replace(failed, headers=self._comes_back(reply.status))
        first = "accepted" if asked.service_sid else "queued"  # TW-21
        return json_reply(201, {**as_message(asked), "status": first, "date_sent": None})

    def _call_back(self, asked: Asked) -> None:
        how = self.behaviour
        if not (how.callbacks and asked.status_callback):
            return
        params = {
            "MessageSid": asked.sid or "",
            "SmsSid": asked.sid or "",
            "AccountSid": asked.account_sid,
            "ApiVersion": "2010-04-01",
            "To": asked.to,
            "From": asked.sender,
        }
        if asked.service_sid:
            params["MessagingServiceSid"] = asked.service_sid
        plan = Plan(
            tuple(how.statuses),
            how.callback_delay_ms / 1000,
            how.callback_retries,
            how.callback_copies,
            how.error_code,
        )
        self._callbacks.start(asked.status_callback, params, how.accounts[asked.account_sid], plan)

    def _list(self, account_sid: str, query: str) -> Reply:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        try:
            since, before = period(asked)
            page, size = int(asked.get("Page", 0)), int(asked.get("PageSize", 50))
        except ValueError:
            return error_reply(400, 20001, "A parameter is malformed")
        found = self._ledger.search(
            account_sid, asked.get("To", ""), asked.get("From", ""), since, before
        )
        base = f"{ROOT}{account_sid}/Messages.json"
        shown = found[page * size : (page + 1) * size]

        def uri(number: int) -> str:
            return f"{base}?{urlencode({**asked, 'PageSize': size, 'Page': number})}"

        return json_reply(
            200,
            {
                "messages": [as_message(each) for each in shown],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(shown) - 1, 0),
                "uri": uri(page),
                "first_page_uri": uri(0),
                "previous_page_uri": uri(page - 1) if page else None,
                "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None,
            },
        )
