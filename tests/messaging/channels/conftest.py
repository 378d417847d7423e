"""Channels and messages to send through them."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from crm.core.ids import new_id
from crm.core.settings import Settings
from crm.messaging.channels.base import Account, OutboundMessage
from crm.messaging.channels.twilio import TwilioSms, open_account
from tests.fakes.provider import ACCOUNT_SID, AUTH_TOKEN, ProviderStandIn

SENDER, PATIENT = "+12125550100", "+12125550142"

Open = Callable[..., TwilioSms]


def text(body: str = "Hello", to: str = PATIENT, **changes: object) -> OutboundMessage:
    """Return a message with an attempt of its own, as sending makes it."""
    attempt_id = new_id()
    values = {
        "attempt_id": attempt_id,
        "communication_id": uuid4(),
        "sender": SENDER,
        "to": to,
        "body": body,
        "status_callback": f"https://crm.example.com/webhooks/twilio/status?a={attempt_id}",
        **changes,
    }
    return OutboundMessage(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def running() -> Iterator[ProviderStandIn]:
    """A Twilio for a file of tests; one that needs it otherwise says so by this name."""
    with ProviderStandIn() as provider:
        yield provider


@pytest.fixture
def provider(running: ProviderStandIn) -> Iterator[ProviderStandIn]:
    """The file's Twilio, which behaves at each test's start as at the first."""
    yield running
    running.configure(**running.behaviour_at_start())


@pytest.fixture
def open_twilio() -> Open:
    """Open an account at a Twilio of some address."""

    def opened(
        url: str, sid: str = ACCOUNT_SID, token: str = AUTH_TOKEN, **more: object
    ) -> TwilioSms:
        settings = Settings(
            _env_file=None, twilio_api_url=url, public_url="https://crm.example.com", **more
        )
        account = Account(
            id=uuid4(),
            clinic_id=uuid4(),
            provider="twilio",
            external_id=sid,
            credentials={"auth_token": token},
        )
        return open_account(account, settings)

    return opened
