"""Emails through SendGrid's SDK to a stand-in: what is sent, and what each fault means."""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from crm.core.errors import Invalid
from crm.core.ids import new_id
from crm.core.settings import Settings
from crm.messaging.channels.base import Accepted, Account, Mail, NoAnswer, OutboundMessage, Refused
from crm.messaging.channels.sendgrid import SendGridEmail, open_account
from crm.messaging.channels.sendgrid_check import SendGridSilent, check
from tests.fakes.sendgrid import KEY, Asked, Said, SendGridStandIn, serving

SPECS = os.environ.get("PROVIDER_SPECS", "")
CLINIC = UUID(int=5)
OUT = "https://crm.example.com/u/secret"
PATIENT = "ana@patient.example"

Open = Callable[..., SendGridEmail]


@pytest.fixture
def sendgrid() -> Iterator[SendGridStandIn]:
    with serving() as server:
        yield server


def settings(url: str) -> Settings:
    return Settings(
        _env_file=None, sendgrid_api_url=url, public_url="https://crm.example.com", in_flight=4
    )


def opened(url: str, key: str = KEY) -> SendGridEmail:
    account = Account(uuid4(), CLINIC, "sendgrid", credentials={"api_key": key})
    return open_account(account, settings(url))


def email(to: str = PATIENT, unsubscribe_url: str | None = OUT) -> OutboundMessage:
    return OutboundMessage(
        attempt_id=new_id(),
        communication_id=new_id(),
        sender="hi@clinic.example",
        to=to,
        body="Hello Ana 😀",
        mail=Mail("News", "<p>Hello Ana</p>", "Oak Dental", unsubscribe_url),
    )


def test_sg_2_sg_3_one_recipient_a_request_known_by_opaque_ids_alone(
    sendgrid: SendGridStandIn,
) -> None:
    message = email()
    [result] = opened(sendgrid.url).send_many([message])
    assert result == Accepted(message.attempt_id, "id-1", "accepted")
    [asked] = sendgrid.asked
    body = asked.body
    [recipient] = body["personalizations"]
    assert recipient == {
        "to": [{"email": PATIENT}],
        "custom_args": {
            "clinic_id": str(CLINIC),
            "communication_id": str(message.communication_id),
            "attempt_id": str(message.attempt_id),
        },
    }
    assert body["from"] == {"email": "hi@clinic.example", "name": "Oak Dental"}
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert not {"categories", "send_at", "mail_settings", "template_id"} & body.keys()


def test_sg_19_each_email_that_may_be_ended_says_how_to_programs(sendgrid: SendGridStandIn) -> None:
    list(opened(sendgrid.url).send_many([email(), email(unsubscribe_url=None)]))
    headers = [asked.body.get("headers") for asked in sendgrid.asked]
    one_click = {
        "List-Unsubscribe": f"<{OUT}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert one_click in headers
    assert None in headers


def test_nothing_is_added_on_the_way_that_would_tell_who_read_it(sendgrid: SendGridStandIn) -> None:
    list(opened(sendgrid.url).send_many([email()]))
    tracking = sendgrid.asked[0].body["tracking_settings"]
    assert {name: each["enable"] for name, each in tracking.items()} == {
        "click_tracking": False,
        "open_tracking": False,
        "subscription_tracking": False,
    }


def wrong(status: int, field: str | None = None, **headers: str) -> Said:
    return Said(status, {"errors": [{"message": "no", "field": field}]}, headers)


@pytest.mark.parametrize(
    ("said", "code", "action", "retry_after"),
    [
        (wrong(401), "401", "sender", None),
        (wrong(403, "from"), "403", "sender", None),
        (wrong(400, "from.email"), "400", "sender", None),
        (wrong(400, "personalizations.0.to.0.email"), "400", "not_textable", None),
        (wrong(400, "subject"), "400", "content", None),
        (wrong(400, "headers"), "400", "final", None),
        (Said(400, ["?"]), "400", "final", None),
        (wrong(413), "413", "content", None),
        (wrong(429, **{"Retry-After": "7"}), "429", "later", 7.0),
        (wrong(429, **{"X-RateLimit-Reset": "1"}), "429", "later", 0.0),
        (wrong(429), "429", "later", None),
    ],
)
def test_a_refusal_means_what_it_says(
    sendgrid: SendGridStandIn, said: Said, code: str, action: Any, retry_after: float | None
) -> None:
    sendgrid.answer = lambda asked: said
    message = email()
    assert list(opened(sendgrid.url).send_many([message])) == [
        Refused(message.attempt_id, code, action, retry_after)
    ]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(500), "http_500"),
        (Said(503), "http_503"),
        (Said(200), "http_200"),
        (Said(is_reset=True), "ServerDisconnectedError"),
    ],
)
def test_sg_4_after_anything_else_nobody_knows_and_nothing_is_sent_again(
    sendgrid: SendGridStandIn, said: Said, reason: str
) -> None:
    sendgrid.answer = lambda asked: said
    message = email()
    assert list(opened(sendgrid.url).send_many([message])) == [NoAnswer(message.attempt_id, reason)]
    assert len(sendgrid.asked) == 1


def test_silence_is_no_answer_within_the_time_that_is_given(
    sendgrid: SendGridStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.messaging.channels.sendgrid_http.TOTAL_SECONDS", 0.3)
    sendgrid.answer = lambda asked: Said(is_silent=True)
    message = email()
    assert list(opened(sendgrid.url).send_many([message])) == [
        NoAnswer(message.attempt_id, "TimeoutError")
    ]
    assert len(sendgrid.asked) == 1


def test_without_a_connection_nothing_left() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        message = email()
        channel = opened(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert list(channel.send_many([message])) == [
            Refused(message.attempt_id, "no_connection", "later")
        ]


def test_one_bad_address_fails_alone_and_a_window_is_never_passed(
    sendgrid: SendGridStandIn,
) -> None:
    def answer(asked: Asked) -> Said:
        [recipient] = asked.body["personalizations"]
        bad = recipient["to"][0]["email"] == "bad@patient.example"
        return wrong(400, "personalizations.0.to.0.email") if bad else sendgrid.usual(asked)

    sendgrid.answer = answer
    messages = [email() for _ in range(9)] + [email("bad@patient.example")]
    pulled: list[OutboundMessage] = []

    def pulling() -> Iterator[OutboundMessage | None]:
        for message in messages:
            pulled.append(message)
            yield message

    seen = 0
    for _result in opened(sendgrid.url).send_many(pulling()):
        assert len(pulled) - seen <= 4 + 1
        seen += 1
    assert seen == len(messages)
    assert len(sendgrid.accepted) == 9


def test_it_cannot_be_asked_so_a_person_or_its_event_tells(sendgrid: SendGridStandIn) -> None:
    assert opened(sendgrid.url).find(PATIENT, "x", None, "") is None  # type: ignore[arg-type]


def test_law_55_the_sdk_logs_nothing(
    sendgrid: SendGridStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    list(opened(sendgrid.url).send_many([email()]))
    assert PATIENT not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.skipif(not SPECS, reason="PROVIDER_SPECS is not set")
@pytest.mark.parametrize("unsubscribe_url", [OUT, None])
def test_an_email_is_a_request_that_sendgrid_publishes(
    sendgrid: SendGridStandIn, unsubscribe_url: str | None
) -> None:
    path = Path(SPECS) / "openapi_mail_v3.min.json"
    contract = OpenAPI.from_dict(json.loads(path.read_text(encoding="utf-8")))
    list(opened(sendgrid.url).send_many([email(unsubscribe_url=unsubscribe_url)]))
    [asked] = sendgrid.asked
    contract.validate_request(
        MockRequest(
            "https://api.sendgrid.com",
            "post",
            asked.path,
            headers=dict(asked.headers),
            data=asked.raw,
            content_type="application/json",
        )
    )


@pytest.mark.parametrize("sender", ["hi@clinic.example", "anybody@oak.example"])
def test_a_key_that_may_send_and_a_verified_sender_pass(
    sendgrid: SendGridStandIn, sender: str
) -> None:
    check(settings(sendgrid.url), KEY, sender)
    assert all(asked.method == "GET" for asked in sendgrid.asked)


@pytest.mark.parametrize(
    ("path", "told", "field"),
    [
        ("/v3/scopes", {"scopes": ["stats.read"]}, "api_key"),
        ("/v3/scopes", wrong(401), "api_key"),
        ("/v3/verified_senders", wrong(403), "api_key"),
        ("/v3/verified_senders", {"results": []}, "sender"),
        (
            "/v3/verified_senders",
            {"results": [{"from_email": "hi@clinic.example", "verified": False}]},
            "sender",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    sendgrid: SendGridStandIn, path: str, told: Any, field: str
) -> None:
    sendgrid.resources[path] = told
    with pytest.raises(Invalid) as refused:
        check(settings(sendgrid.url), KEY, "hi@clinic.example")
    assert field in (refused.value.fields or {})


def test_a_sendgrid_that_does_not_answer_is_no_wrong_key(sendgrid: SendGridStandIn) -> None:
    sendgrid.answer = lambda asked: Said(503)
    with pytest.raises(SendGridSilent):
        check(settings(sendgrid.url), KEY, "hi@clinic.example")
