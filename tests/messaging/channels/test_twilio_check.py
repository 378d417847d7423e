"""`frontdesk twilio connect` asks Twilio before it keeps anything, over a real socket."""

import socket
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from crm import cli
from crm.core.errors import Invalid
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging.channels.twilio_check import TwilioSilent
from crm.messaging.models import Sender
from tests.fakes.provider import ProviderStandIn

NUMBER, VOICE_ONLY, ANOTHERS = "+12125550100", "+12125550101", "+12125550102"

Connect = Callable[..., list[str]]


@pytest.fixture(scope="module")
def running() -> Iterator[ProviderStandIn]:
    """A Twilio with one account, of whose two numbers one can send texts."""
    with ProviderStandIn(numbers={NUMBER: True, VOICE_ONLY: False}) as provider:
        yield provider


@pytest.fixture
def connect(
    runtime: Runtime, clinic: UUID, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> Connect:
    """Run the command; return the numbers that the clinic has then. Raises what it raises."""
    monkeypatch.setattr(cli, "runtime", lambda: runtime)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", provider.auth_token)
    runtime.settings.twilio_api_url = provider.url

    def run(number: str = NUMBER, *options: str) -> list[str]:
        arguments = ["twilio", "connect", str(clinic), provider.account_sid, number, *options]
        CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
        return numbers(runtime, clinic)

    return run


def numbers(runtime: Runtime, clinic: UUID) -> list[str]:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return [sender.value for sender in uow.session.scalars(select(Sender))]


def test_what_twilio_knows_is_connected(connect: Connect) -> None:
    assert connect("(212) 555-0100") == [NUMBER]


@pytest.mark.parametrize(
    ("number", "behaviour", "field"),
    [
        (ANOTHERS, {}, "number"),
        (VOICE_ONLY, {}, "number"),
        ("+1212555010", {}, "number"),
        (NUMBER, {"account_status": "suspended"}, "account_sid"),
        (NUMBER, {"accounts": {}}, "auth_token"),
    ],
)
def test_what_twilio_does_not_know_is_refused_by_its_field_and_not_kept(
    connect: Connect,
    provider: ProviderStandIn,
    runtime: Runtime,
    clinic: UUID,
    number: str,
    behaviour: dict[str, object],
    field: str,
) -> None:
    provider.configure(**behaviour)
    with pytest.raises(Invalid) as refused:
        connect(number)
    assert set(refused.value.fields) == {field}
    assert numbers(runtime, clinic) == []


def test_without_an_answer_nothing_is_kept(
    connect: Connect, runtime: Runtime, clinic: UUID
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        runtime.settings.twilio_api_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(TwilioSilent) as silent:
        connect()
    assert "no connection" in silent.value.detail
    assert numbers(runtime, clinic) == []


def test_offline_does_not_ask(connect: Connect, runtime: Runtime) -> None:
    runtime.settings.twilio_api_url = "http://127.0.0.1:9"
    assert connect(ANOTHERS, "--offline") == [ANOTHERS]


def test_the_operator_reads_one_line(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, provider: ProviderStandIn, clinic: UUID
) -> None:
    provider.configure(accounts={})
    words = ["frontdesk", "twilio", "connect", str(clinic), provider.account_sid, NUMBER]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert str(ended.value) == (
        "Please check what you entered. auth_token: This is not the account's token."
    )
