"""Texts through Twilio's SDK to the stand-in: what each fault means, and the window that slides."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from crm.core.settings import Settings
from crm.messaging.channels.base import (
    Accepted,
    NoAnswer,
    OutboundMessage,
    ProviderUnreachable,
    Refused,
)
from crm.messaging.channels.http_loop import session, wait_for
from crm.messaging.channels.twilio import can_call_back
from crm.messaging.channels.twilio_http import DEFAULT_URL, address
from tests.fakes.provider import ProviderStandIn
from tests.fakes.waiting import until
from tests.messaging.channels.conftest import PATIENT, SENDER, Open, text

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_an_accepted_text_is_in_the_providers_ledger_with_its_attempt(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    message = text("Grüße 😀 & more=1")
    [result] = open_twilio(provider.url).send_many([message])
    asked = provider.asked()[-1]
    assert result == Accepted(message.attempt_id, asked.sid or "", "queued")
    assert (asked.to, asked.sender, asked.body) == (PATIENT, SENDER, "Grüße 😀 & more=1")
    assert asked.attempt_id == str(message.attempt_id)
    assert asked.status_callback == message.status_callback


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"percent_500": 100}, "http_500"),
        ({"percent_500_accepted": 100}, "http_500"),
        ({"percent_reset": 100}, "ClientOSError"),
        ({"percent_reset_accepted": 100}, "ClientOSError"),
    ],
)
def test_after_a_500_or_a_reset_nobody_knows(
    provider: ProviderStandIn, open_twilio: Open, behaviour: dict[str, int], expected: str
) -> None:
    provider.configure(**behaviour)
    message = text()
    assert list(open_twilio(provider.url).send_many([message])) == [
        NoAnswer(message.attempt_id, expected)
    ]


def test_a_provider_that_says_nothing_is_no_answer_and_is_asked_once(
    provider: ProviderStandIn, open_twilio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.messaging.channels.twilio_http.TOTAL_SECONDS", 0.3)
    provider.configure(percent_timeout=100)
    before = len(provider.asked())
    message = text()
    assert list(open_twilio(provider.url).send_many([message])) == [
        NoAnswer(message.attempt_id, "TimeoutError")
    ]
    assert len(provider.asked()) == before + 1


def test_a_429_is_refused_until_later_with_the_providers_wait(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    provider.configure(percent_429=100, retry_after_s=7)
    message = text()
    assert list(open_twilio(provider.url).send_many([message])) == [
        Refused(message.attempt_id, "20429", "later", 7.0)
    ]


def test_a_connection_that_was_never_made_is_refused_until_later(
    open_twilio: Open, free_port: int
) -> None:
    message = text()
    assert list(open_twilio(f"http://127.0.0.1:{free_port}").send_many([message])) == [
        Refused(message.attempt_id, "no_connection", "later")
    ]


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (21211, "not_textable"),
        (21614, "not_textable"),
        (21610, "opted_out"),
        (30007, "content"),
        (21606, "sender"),
        (20003, "sender"),
        (21611, "later"),
        (99999, "final"),
    ],
)
def test_a_refusal_means_what_its_code_says(
    provider: ProviderStandIn, open_twilio: Open, code: int, action: str
) -> None:
    provider.configure(refuse={PATIENT: code})
    message = text()
    assert list(open_twilio(provider.url).send_many([message])) == [
        Refused(message.attempt_id, str(code), action)  # type: ignore[arg-type]
    ]


def test_a_wrong_token_stops_the_sender(provider: ProviderStandIn, open_twilio: Open) -> None:
    message = text()
    [result] = open_twilio(provider.url, token="wrong").send_many([message])
    assert result == Refused(message.attempt_id, "20003", "sender")


def test_every_text_gets_one_result_whatever_happened_to_the_others(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    provider.configure(percent_500=25, percent_reset_accepted=25, percent_429=20)
    messages = [text(str(number)) for number in range(60)]
    results = list(open_twilio(provider.url).send_many(messages))
    assert {result.attempt_id for result in results} == {each.attempt_id for each in messages}
    assert len(results) == len(messages)
    assert {type(result) for result in results} == {Accepted, NoAnswer, Refused}


def test_a_text_is_pulled_only_when_its_request_can_begin(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    pulled, landed = 0, 0
    most = 0

    def messages() -> Iterator[OutboundMessage]:
        nonlocal pulled, most
        for number in range(17):
            pulled += 1
            most = max(most, pulled - landed)
            yield text(str(number))

    for _ in open_twilio(provider.url, in_flight=4).send_many(messages()):
        landed += 1
    assert (pulled, landed, most) == (17, 17, 4)


def test_what_was_pulled_is_on_its_way_before_the_next_is_pulled(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    before = len(provider.asked())

    def messages() -> Iterator[OutboundMessage]:
        yield text("first")
        # A pull may take texts, in a transaction that waits for an address.
        until(lambda: len(provider.asked()) > before)
        yield text("second")

    assert len(list(open_twilio(provider.url).send_many(messages()))) == 2


def test_a_name_that_is_not_found_in_time_is_no_connection(
    open_twilio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def connector() -> object:
        return session().connector

    monkeypatch.setattr("crm.messaging.channels.twilio_http.CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(wait_for(connector()), "_resolve_host", silent)
    message = text()
    assert list(open_twilio("http://unknown.example").send_many([message])) == [
        Refused(message.attempt_id, "no_connection", "later")
    ]


def test_a_loop_that_cannot_start_is_a_fault_and_hangs_nobody(
    provider: ProviderStandIn, open_twilio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("crm.messaging.channels.http_loop._loop", none)
    with pytest.raises(RuntimeError, match="thread"):
        list(open_twilio(provider.url).send_many([text()]))


def test_none_waits_for_one_more_result(provider: ProviderStandIn, open_twilio: Open) -> None:
    seen: list[UUID] = []
    counts: list[int] = []

    def messages() -> Iterator[OutboundMessage | None]:
        yield text("first")
        yield None
        counts.append(len(seen))
        yield text("second")

    for result in open_twilio(provider.url).send_many(messages()):
        seen.append(result.attempt_id)
    assert counts == [1]
    assert len(seen) == 2


def test_a_fault_of_the_puller_waits_for_what_flies(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    def messages() -> Iterator[OutboundMessage]:
        yield text("flies")
        raise ValueError("gone")

    before = len(provider.ledger())
    with pytest.raises(ValueError, match="gone"):
        list(open_twilio(provider.url).send_many(messages()))
    assert len(provider.ledger()) == before + 1


def test_the_provider_is_asked_by_both_numbers_the_time_and_the_words(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    channel = open_twilio(provider.url)
    body, to = "You’re   on for “Tuesday” – ok?", "+12125550177"  # noqa: RUF001
    results = list(channel.send_many([text(body, to), text("other words", to), text(body)]))
    mine = next(r for r in provider.ledger() if (r.to, r.body) == (to, body))
    assert len(results) == 3
    found = channel.find(to, SENDER, LONG_AGO, 'You\'re on for "Tuesday" - ok?') or []
    assert len(found) == 2
    assert [each.provider_id for each in found if each.is_worded_alike] == [mine.sid]
    assert channel.find(to, SENDER, datetime.now(UTC) + timedelta(hours=1), body) == []  # noqa: TID251
    assert channel.find(to, "+12125550199", LONG_AGO, body) == []


def test_what_was_accepted_behind_a_fault_is_found_and_what_was_not_is_not(
    provider: ProviderStandIn, open_twilio: Open
) -> None:
    channel = open_twilio(provider.url)
    provider.configure(percent_reset_accepted=100)
    list(channel.send_many([text("taken", "+12125550178")]))
    provider.configure(percent_reset_accepted=0, percent_500=100)
    list(channel.send_many([text("dropped", "+12125550178")]))
    for words, is_there in (("taken", True), ("dropped", False)):
        [found] = channel.find("+12125550178", SENDER, LONG_AGO, words) or []
        assert found.is_worded_alike == is_there


def test_a_provider_that_cannot_be_asked_says_so(
    provider: ProviderStandIn, open_twilio: Open, free_port: int
) -> None:
    with pytest.raises(ProviderUnreachable):
        open_twilio(f"http://127.0.0.1:{free_port}").find(PATIENT, SENDER, LONG_AGO, "x")
    with pytest.raises(ProviderUnreachable):
        open_twilio(provider.url, token="wrong").find(PATIENT, SENDER, LONG_AGO, "x")


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        (
            "https://api.twilio.com/2010-04-01/A.json?B=1",
            "http://x:1",
            "http://x:1/2010-04-01/A.json?B=1",
        ),
        (
            "https://messaging.twilio.com/v1/Services",
            "http://x:1",
            "http://x:1/messaging/v1/Services",
        ),
        ("https://messaging.twilio.com/v1/S", DEFAULT_URL, "https://messaging.twilio.com/v1/S"),
    ],
)
def test_only_scheme_and_host_of_an_address_are_replaced(
    url: str, base: str, expected: str
) -> None:
    assert address(url, base) == expected


def test_the_sdk_is_never_told_to_log_what_it_sends(
    provider: ProviderStandIn, open_twilio: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    channel = open_twilio(provider.url)
    list(channel.send_many([text("secret words")]))
    channel.find(PATIENT, SENDER, LONG_AGO, "secret words")
    assert "secret" not in caplog.text
    assert PATIENT[1:] not in caplog.text


def test_loopback_is_no_callback_for_the_real_provider() -> None:
    assert not can_call_back(Settings(_env_file=None, public_url="http://127.0.0.1:8000"))
    assert can_call_back(Settings(_env_file=None, public_url="https://crm.example.com"))
    assert can_call_back(Settings(_env_file=None, twilio_api_url="http://127.0.0.1:1"))


def test_connections_are_kept(open_twilio: Open) -> None:
    with ProviderStandIn() as fresh:
        channel = open_twilio(fresh.url, in_flight=2)
        list(channel.send_many([text(str(number)) for number in range(20)]))
        assert kept(fresh.url) in (1, 2)


def kept(url: str) -> int:
    """Return how many connections to an address are kept open."""

    async def count() -> int:
        connections = session().connector._conns.items()  # type: ignore[union-attr]
        return sum(len(kept) for key, kept in connections if key.port == urlsplit(url).port)

    return wait_for(count())
