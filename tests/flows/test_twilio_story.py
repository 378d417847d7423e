"""The whole story through Twilio's own SDK and a Twilio that others wrote, over real sockets."""

import base64
import json
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from crm.compliance.models import Suppression
from crm.core.settings import Settings
from crm.messaging.actions.connect import connect_twilio
from crm.messaging.models import Communication, ProviderStatus
from tests.conftest import Drain
from tests.counterparts.node import Served
from tests.support.houses import PHONE, House
from tests.support.serving import address_of, free_socket, served
from webhooks.models import WebhookEvent

SID, TOKEN = "AC" + "0123456789abcdef" * 2, "auth-token-of-the-clinic"
NUMBER = "+12125550111"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Emulated:
    """The emulated Twilio at an address."""

    url: str

    def ask(self, method: str, path: str, **fields: str) -> Any:
        """Ask it something as the account's owner; return the JSON answer."""
        data = urlencode(fields).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, method=method)
        secret = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        with _OPENER.open(request, timeout=20) as answer:
            return json.load(answer)

    def messages(self) -> list[dict[str, Any]]:
        """Return what was sent through it, the first one first."""
        listed = self.ask("GET", f"/2010-04-01/Accounts/{SID}/Messages.json")["messages"]
        return [each for each in reversed(listed) if each["direction"].startswith("outbound")]

    def text_in(self, body: str) -> str:
        """Let the patient text the clinic; returns the SID once our webhook has answered."""
        path = "/_twilio/simulate/inbound-message"
        return str(self.ask("POST", path, To=NUMBER, From=PHONE, Body=body)["sid"])

    def report(self, sid: str, status: str) -> None:
        """Let a text get a status; returns once our webhook has answered."""
        self.ask("POST", "/_twilio/simulate/message-status", MessageSid=sid, Status=status)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """The socket on which we serve."""
    with free_socket() as opened:
        yield opened


@pytest.fixture
def own_url(listening: socket.socket) -> str:
    """Our own public address."""
    return address_of(listening)


@pytest.fixture
def provider(own_url: str) -> Iterator[Emulated]:
    """A Twilio with one account, one number, and our webhook."""
    seed = {
        "account": {"sid": SID, "auth_token": TOKEN, "friendly_name": "Riverside"},
        "phone_numbers": [
            {"phone_number": NUMBER, "sms_url": f"{own_url}/webhooks/twilio/message"}
        ],
    }
    with Served("twilio.mjs", seed) as url:
        yield Emulated(url)


@pytest.fixture
def settings(settings: Settings, own_url: str, provider: Emulated) -> Settings:
    """Settings that name both addresses."""
    addresses = {"public_url": own_url, "twilio_api_url": provider.url}
    return Settings(_env_file=None, **{**settings.model_dump(), **addresses})


@pytest.fixture
def serving(app: FastAPI, listening: socket.socket) -> Iterator[None]:
    """We, serving."""
    with served(app, listening):
        yield


@pytest.fixture
def connected(house: House, serving: None) -> House:
    """The clinic, texting through its Twilio number."""
    house.do(connect_twilio, SID, TOKEN, NUMBER)
    return house


def row(house: House, sid: str) -> Communication:
    """Return the communication that the provider knows by this id."""
    [found] = house.all(Communication, col(Communication.provider_id) == sid)
    return found


def test_a_request_is_texted_reported_answered_and_ends_its_sequence(
    connected: House, provider: Emulated, drain: Drain
) -> None:
    connected.ask()
    drain()
    [sent] = provider.messages()
    assert (sent["to"], sent["from"]) == (PHONE, NUMBER)
    assert [sent["body"]] == connected.sent(PHONE)
    text = row(connected, sent["sid"])
    provider.report(sent["sid"], "delivered")
    assert row(connected, sent["sid"]).status == "delivered"
    [reported] = connected.all(ProviderStatus, col(ProviderStatus.status) == "delivered")
    assert (reported.communication_id, reported.attempt_id) == (text.id, text.attempt_id)

    sid = provider.text_in("Tuesday is fine 🙂")
    [answer] = connected.texts(PHONE, "in")
    assert (answer.body, answer.row.provider_id) == ("Tuesday is fine 🙂", sid)
    assert answer.row.lead_id == text.lead_id
    drain()
    assert {(each.state, each.exit_reason) for each in connected.enrollments()} == {
        ("ended", "replied")
    }
    assert {event.outcome for event in connected.all(WebhookEvent)} <= {"applied", "kept"}


def test_a_stop_is_confirmed_once_and_ends_everything(
    connected: House, provider: Emulated, drain: Drain
) -> None:
    connected.ask()
    drain()
    provider.text_in("Please stop texting me")
    assert len(connected.all(Suppression)) == 1
    drain()
    connected.runtime.clock.advance(days=4)
    drain()
    bodies = [message["body"] for message in provider.messages()]
    assert len(bodies) == 2
    assert "You will get no more texts" in bodies[1]
    provider.text_in("STOP")
    drain()
    assert len(provider.messages()) == 2


def lost_answer(connected: House, provider: Emulated, drain: Drain) -> tuple[Communication, str]:
    """Send a text and lose the provider's answer; return the text, and its id there."""
    connected.ask()
    drain()
    [sent] = provider.messages()
    text = row(connected, sent["sid"])
    connected.do(_forget, text.id)
    return text, sent["sid"]


def test_an_answer_that_was_lost_is_made_good_by_the_callback(
    connected: House, provider: Emulated, drain: Drain
) -> None:
    text, sid = lost_answer(connected, provider, drain)
    provider.report(sid, "sent")
    found = row(connected, sid)
    assert (found.id, found.status) == (text.id, "sent")


def test_an_answer_that_was_lost_is_made_good_by_asking(
    connected: House, provider: Emulated, drain: Drain
) -> None:
    text, sid = lost_answer(connected, provider, drain)
    connected.runtime.clock.advance(minutes=10)
    drain()
    assert row(connected, sid).id == text.id
    assert len(provider.messages()) == 1


def _forget(uow: Any, text_id: UUID) -> None:
    """Leave a text as a process leaves it that died after its call."""
    [text] = uow.session.scalars(select(Communication).where(col(Communication.id) == text_id))
    text.status, text.provider_id, text.provider_status = "unconfirmed", None, None
    text.settled_at, text.due_at, text.lease_until = None, uow.now, None
    stored = uow.session.scalars(select(ProviderStatus))
    for each in stored:
        uow.session.delete(each)
    for event in uow.session.scalars(select(WebhookEvent)):
        uow.session.delete(event)
