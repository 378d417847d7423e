"""The stand-in's emails, sent by the product's own channel."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from crm.core.ids import new_id
from crm.core.settings import Settings
from crm.messaging.channels.base import Account, Mail, OutboundMessage, Result
from crm.messaging.channels.sendgrid import open_account
from tests.fakes.provider import ProviderStandIn

PATIENT, SENDER = "ana@patient.example", "hi@clinic.example"


@pytest.fixture(scope="module")
def running() -> Iterator[ProviderStandIn]:
    with ProviderStandIn() as provider:
        yield provider


@pytest.fixture
def provider(running: ProviderStandIn) -> Iterator[ProviderStandIn]:
    defaults = running.behaviour_at_start()
    yield running
    running.configure(**defaults)


def send(provider: ProviderStandIn, key: str | None = None) -> tuple[UUID, Result]:
    """Send one email; return its attempt and what came back."""
    credentials = {"api_key": key or provider.api_key}
    account = Account(uuid4(), UUID(int=5), "sendgrid", credentials=credentials)
    settings = Settings(
        _env_file=None, sendgrid_api_url=provider.url, public_url="https://crm.example.com"
    )
    message = OutboundMessage(
        attempt_id=new_id(),
        communication_id=new_id(),
        sender=SENDER,
        to=PATIENT,
        body="Hello Ana",
        mail=Mail("News", "<p>Hello Ana</p>", "Oak Dental"),
    )
    [result] = open_account(account, settings).send_many([message])
    return message.attempt_id, result


def test_an_email_that_was_taken_on_is_in_the_ledger_under_its_attempt(
    provider: ProviderStandIn,
) -> None:
    attempt_id, result = send(provider)
    asked = provider.ledger()[-1]
    assert result.provider_id == asked.sid  # type: ignore[union-attr]
    assert (asked.channel, asked.to, asked.sender, asked.body) == (
        *("email", PATIENT, SENDER),
        "Hello Ana",
    )
    assert asked.attempt_id == str(attempt_id)


@pytest.mark.parametrize(
    ("failure", "is_accepted", "reason"),
    [
        ("500", False, "http_500"),
        ("500_accepted", True, "http_500"),
        ("reset", False, "ServerDisconnectedError"),
        ("reset_accepted", True, "ServerDisconnectedError"),
    ],
)
def test_failures_say_only_in_the_ledger_whether_the_email_was_taken_on(
    provider: ProviderStandIn, failure: str, is_accepted: bool, reason: str
) -> None:
    provider.configure(**{f"percent_{failure}": 100})
    _, result = send(provider)
    assert result.reason in (reason, "ClientOSError")  # type: ignore[union-attr]
    assert provider.asked()[-1].outcome == failure
    assert provider.asked()[-1].is_accepted is is_accepted


def test_too_many_emails_are_told_when_to_come_back(provider: ProviderStandIn) -> None:
    provider.configure(percent_429=100, retry_after_s=3)
    _, result = send(provider)
    assert (result.code, result.retry_after) == ("429", 3.0)  # type: ignore[union-attr]


def test_a_blackout_is_one_for_emails_too(provider: ProviderStandIn) -> None:
    provider.configure(blackout_s=3600)
    send(provider)
    assert provider.asked()[-1].outcome == "blackout"
    assert not provider.asked()[-1].is_accepted


def test_an_unknown_key_is_refused_and_kept_nowhere(provider: ProviderStandIn) -> None:
    before = len(provider.asked())
    _, result = send(provider, key="SG." + "x" * 40)
    assert result.code == "401"  # type: ignore[union-attr]
    assert len(provider.asked()) == before
