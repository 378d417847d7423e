"""The provider stand-in, driven by Twilio's own SDK and checked by its own validator."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.fakes.provider import ProviderStandIn
from tests.fakes.waiting import until

TO, FROM = "+12025550143", "+12025550100"
PAST = datetime.fromtimestamp(0, UTC)


class LocalHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's HTTP client with another scheme and host."""

    def __init__(self, base: str, timeout: float = 10) -> None:
        super().__init__(timeout=timeout, max_retries=0)
        self._base = urlsplit(base)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        parts = urlsplit(url)
        moved = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        return super().request(method, moved, *args, **kwargs)


@pytest.fixture(scope="module")
def running() -> Iterator[ProviderStandIn]:
    with ProviderStandIn() as provider:
        yield provider


@pytest.fixture
def provider(running: ProviderStandIn) -> Iterator[ProviderStandIn]:
    defaults = running.behaviour_at_start()
    yield running
    running.configure(**defaults)


@pytest.fixture
def client(provider: ProviderStandIn) -> Iterator[Client]:
    http = LocalHttpClient(provider.url, timeout=2)
    yield Client(provider.account_sid, provider.auth_token, http_client=http)
    http.session.close()


class Webhook(ThreadingHTTPServer):
    """A local address for callbacks that keeps what it was sent."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), WebhookHandler)
        self.answers = answers
        self.received: list[tuple[str, str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhooks/twilio/status"


class WebhookHandler(BaseHTTPRequestHandler):
    """Keeps path, signature and form of each post."""

    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.server.received.append((self.path, self.headers["X-Twilio-Signature"], form))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook([])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_sdk_parses_the_answer_and_the_ledger_has_the_text(
    provider: ProviderStandIn, client: Client
) -> None:
    sent = client.messages.create(
        to=TO, from_=FROM, body="Hello ñ & you", status_callback="https://x.test/s?a=01J9#rc=2"
    )
    assert sent.sid is not None
    assert sent.sid.startswith("SM")
    assert len(sent.sid) == 34
    assert (sent.status, sent.to, sent.from_) == ("queued", TO, FROM)
    assert (sent.account_sid, sent.error_code) == (provider.account_sid, None)
    assert sent.date_created is not None
    kept = provider.ledger()[-1]
    assert (kept.sid, kept.to, kept.sender, kept.body) == (sent.sid, TO, FROM, "Hello ñ & you")
    assert kept.attempt_id == "01J9"
    assert kept.begun_ns <= kept.received_ns


def test_a_messaging_service_answers_accepted(provider: ProviderStandIn, client: Client) -> None:
    sent = client.messages.create(to=TO, messaging_service_sid="MG" + "1" * 32, body="Hi")
    assert sent.status == "accepted"
    assert provider.ledger()[-1].service_sid == "MG" + "1" * 32


def test_a_text_is_found_again_by_sid_and_by_numbers_and_day(
    provider: ProviderStandIn, client: Client
) -> None:
    to = "+12025550177"
    sids = {client.messages.create(to=to, from_=FROM, body=f"No {n}").sid for n in range(7)}
    first = next(iter(sids))
    assert client.messages(first).fetch().status == "delivered"
    today = datetime.fromtimestamp(provider.ledger()[-1].received_at, UTC)
    found = client.messages.list(to=to, from_=FROM, date_sent=today, page_size=3)
    assert {each.sid for each in found} == sids
    assert client.messages.list(to=to, date_sent=today - timedelta(days=2)) == []
    assert len(client.messages.list(to=to, date_sent_after=PAST)) == 7
    assert client.messages.list(to=to, date_sent_before=PAST) == []
    assert client.messages.list(to="+12025550178") == []


def test_a_wrong_token_and_an_unknown_sid_are_refused_as_twilio_does(
    provider: ProviderStandIn, client: Client
) -> None:
    http = LocalHttpClient(provider.url)
    stranger = Client(provider.account_sid, "wrong", http_client=http)
    with pytest.raises(TwilioRestException) as refused:
        stranger.messages.create(to=TO, from_=FROM, body="Hi")
    http.session.close()
    assert (refused.value.status, refused.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as missing:
        client.messages("SM" + "0" * 32).fetch()
    assert missing.value.status == 404


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"to": "12025550143", "from_": FROM, "body": "Hi"}, 21211),
        ({"to": TO, "body": "Hi"}, 21603),
        ({"to": TO, "from_": FROM}, 21602),
        ({"to": TO, "from_": FROM, "body": "x" * 1601}, 21617),
        ({"to": "+12025550199", "from_": FROM, "body": "Hi"}, 21610),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(
    provider: ProviderStandIn, client: Client, form: dict[str, str], code: int
) -> None:
    provider.configure(refuse={"+12025550199": 21610})
    accepted = len(provider.ledger())
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**form)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert len(provider.ledger()) == accepted
    assert provider.asked()[-1].outcome == "refused"


@pytest.mark.parametrize(
    ("failure", "status", "is_accepted"),
    [("500", 500, False), ("500_accepted", 500, True), ("429", 429, False)],
)
def test_errors_say_whether_the_text_was_taken_on_in_the_ledger_only(
    provider: ProviderStandIn, client: Client, failure: str, status: int, is_accepted: bool
) -> None:
    provider.configure(**{f"percent_{failure}": 100})
    with pytest.raises(TwilioRestException) as failed:
        client.messages.create(to=TO, from_=FROM, body="Hi")
    assert failed.value.status == status
    assert provider.asked()[-1].outcome == failure
    assert provider.asked()[-1].is_accepted is is_accepted


def test_too_many_requests_say_when_to_come_back(provider: ProviderStandIn) -> None:
    provider.configure(percent_429=100, retry_after_s=3)
    url = f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json"
    with requests.post(
        url,
        data={"To": TO, "From": FROM, "Body": "Hi"},
        auth=(provider.account_sid, provider.auth_token),
        timeout=5,
    ) as answer:
        assert answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("failure", "error", "is_accepted"),
    [
        ("timeout", requests.ReadTimeout, True),
        ("reset", requests.ConnectionError, False),
        ("reset_accepted", requests.ConnectionError, True),
    ],
)
def test_lost_answers_break_off_the_call(
    provider: ProviderStandIn, failure: str, error: type[Exception], is_accepted: bool
) -> None:
    http = LocalHttpClient(provider.url, timeout=0.3)
    client = Client(provider.account_sid, provider.auth_token, http_client=http)
    provider.configure(**{f"percent_{failure}": 100})
    with pytest.raises(error):
        client.messages.create(to=TO, from_=FROM, body="Hi")
    http.session.close()
    assert provider.asked()[-1].is_accepted is is_accepted


def test_a_blackout_resets_every_call_until_it_is_over(
    provider: ProviderStandIn, client: Client
) -> None:
    provider.configure(blackout_s=3600)
    with pytest.raises(requests.ConnectionError):
        client.messages.create(to=TO, from_=FROM, body="Hi")
    with pytest.raises(requests.ConnectionError):
        client.messages.list(to=TO)
    assert provider.asked()[-1].outcome == "blackout"
    provider.configure(blackout_s=0)
    assert client.messages.create(to=TO, from_=FROM, body="Hi").sid


def test_a_mix_of_failures_is_drawn_at_random(provider: ProviderStandIn, client: Client) -> None:
    provider.configure(percent_500=50)
    before = len(provider.asked())
    for _ in range(60):
        with suppress(TwilioRestException):
            client.messages.create(to=TO, from_=FROM, body="Hi")
    outcomes = {asked.outcome for asked in provider.asked()[before:]}
    assert outcomes == {"500", "accepted"}


def test_callbacks_are_signed_in_order_and_repeated_until_taken(
    provider: ProviderStandIn, client: Client, webhook: Webhook
) -> None:
    webhook.answers = [503]
    provider.configure(callbacks=True, callback_retries=2, callback_copies=2)
    url = f"{webhook.url}?a=attempt-1"
    sent = client.messages.create(to=TO, from_=FROM, body="Hi", status_callback=f"{url}#rc=2")
    until(lambda: len(webhook.received) == 5)
    validator = RequestValidator(provider.auth_token)
    for path, signature, form in webhook.received:
        assert path.endswith("/status?a=attempt-1")
        assert validator.validate(url, form, signature)
        assert (form["MessageSid"], form["To"], form["From"]) == (sent.sid, TO, FROM)
    statuses = [form["MessageStatus"] for _, _, form in webhook.received]
    assert statuses == ["sent", "sent", "sent", "delivered", "delivered"]
    until(lambda: len([c for c in provider.callbacks() if c.sid == sent.sid]) == 5)
    assert client.messages(sent.sid).fetch().status == "delivered"
    answers = [c.answer for c in provider.callbacks() if c.sid == sent.sid]
    assert answers == [503, 200, 200, 200, 200]


def test_an_undelivered_text_says_its_error_code(
    provider: ProviderStandIn, client: Client, webhook: Webhook
) -> None:
    provider.configure(callbacks=True, statuses=["undelivered"], error_code=30005)
    client.messages.create(to=TO, from_=FROM, body="Hi", status_callback=webhook.url)
    until(lambda: len(webhook.received) == 1)
    assert webhook.received[0][2]["ErrorCode"] == "30005"


def test_a_patients_text_arrives_signed(provider: ProviderStandIn, webhook: Webhook) -> None:
    sid = "SM" + "a" * 32
    assert provider.text_in(webhook.url, sender=TO, to=FROM, body="STOP", sid=sid) == 200
    _, signature, form = webhook.received[0]
    assert RequestValidator(provider.auth_token).validate(webhook.url, form, signature)
    assert (form["MessageSid"], form["Body"], form["From"]) == (sid, "STOP", TO)


def test_several_accounts_have_their_own_texts(provider: ProviderStandIn) -> None:
    other = "AC" + "9" * 32
    provider.configure(accounts={provider.account_sid: provider.auth_token, other: "secret"})
    http = LocalHttpClient(provider.url)
    theirs = Client(other, "secret", http_client=http)
    sent = theirs.messages.create(to=TO, from_=FROM, body="Hi")
    ours = Client(provider.account_sid, provider.auth_token, http_client=http)
    assert sent.sid not in {each.sid for each in ours.messages.list(to=TO)}
    assert [each.sid for each in theirs.messages.list(to=TO)] == [sent.sid]
    http.session.close()


def test_an_unknown_setting_is_named(provider: ProviderStandIn) -> None:
    with pytest.raises(ValueError, match="percent_of_nothing"):
        provider.configure(percent_of_nothing=1)


def test_the_ledger_outlives_a_killed_provider() -> None:
    with ProviderStandIn() as provider:
        http = LocalHttpClient(provider.url)
        client = Client(provider.account_sid, provider.auth_token, http_client=http)
        sids = [client.messages.create(to=TO, from_=FROM, body="Hi").sid for _ in range(20)]
        provider.kill()
        http.session.close()
        assert [asked.sid for asked in provider.ledger()] == sids
        provider.start()
        http = LocalHttpClient(provider.url)
        client = Client(provider.account_sid, provider.auth_token, http_client=http)
        assert client.messages(sids[0]).fetch().to == TO
        http.session.close()


def test_other_addresses_are_not_found(provider: ProviderStandIn) -> None:
    with requests.get(f"{provider.url}/2010-04-01/Nothing.json", timeout=5) as answer:
        assert answer.status_code == 404
        assert json.loads(answer.text)["status"] == 404
