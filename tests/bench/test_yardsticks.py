"""Each yardstick runs and does the work that it claims to measure; no figure is looked at."""

import base64
from collections.abc import Iterator

import psycopg
import pytest
import redis
from sqlalchemy.engine import make_url

from bench.load import post
from bench.yardsticks import commit_and_hop, noop_actors, one_row_app, stock_design
from tests.fakes.provider import ProviderStandIn
from tests.support.servers import TestServers


@pytest.fixture
def provider() -> Iterator[ProviderStandIn]:
    with ProviderStandIn() as running:
        yield running


def queue_length(url: str, queue: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.llen(f"dramatiq:{queue}"))


def test_noop_actors_run_every_message(servers: TestServers) -> None:
    measured = noop_actors.measure(servers.redis_url, messages=50, processes=1)
    assert measured.messages == 50
    assert measured.rate > 0
    assert queue_length(servers.redis_url, noop_actors.QUEUE) == 0


def test_the_stock_design_sends_every_text(servers: TestServers, provider: ProviderStandIn) -> None:
    measured = stock_design.measure(
        servers.admin_url, servers.redis_url, provider, steps=10, processes=1
    )
    assert measured.steps == 10
    sent = provider.ledger()
    assert len({asked.to for asked in sent}) == len(sent) == 10 + stock_design._WARM_UP
    assert sent[0].body.startswith("Hi Contact ")


def test_the_stock_design_fails_when_a_text_is_not_sent(
    servers: TestServers, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_design, "_send", lambda *_: None)
    with pytest.raises(RuntimeError, match="Not every step"):
        stock_design.measure(servers.admin_url, servers.redis_url, provider, steps=1, processes=0)


def test_the_one_row_app_accepts_every_request_and_leaves_no_database(
    servers: TestServers,
) -> None:
    measured = one_row_app.measure(servers.admin_url, requests=40, clients=4)
    assert measured.load.statuses == {202: 40}
    address = make_url(servers.admin_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'frontdesk_yardstick%'"
        ).fetchall()
    assert left == []


def test_commit_and_hop_reaches_the_provider(
    servers: TestServers, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_and_hop, "_WAIT_S", (0.0, 0.0))
    measured = commit_and_hop.measure(servers.admin_url, servers.redis_url, provider, samples=3)
    assert sorted(asked.body for asked in provider.ledger()) == ["Moved 0", "Moved 1", "Moved 2"]
    assert 0 < measured.p50_ms <= measured.p99_ms


def test_the_load_counts_what_was_refused(provider: ProviderStandIn) -> None:
    account = f"{provider.account_sid}:{provider.auth_token}"
    basic = "Basic " + base64.b64encode(account.encode()).decode()
    target = f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json"
    load = post(
        target,
        lambda number: b"" if number % 3 == 0 else b"To=%2B12025550143&From=%2B1&Body=Hi",
        requests=30,
        clients=4,
        headers=lambda number: {"Authorization": basic},
    )
    assert load.statuses == {400: 10, 201: 20}
    assert (load.requests, load.failures) == (30, 10)
    assert len(provider.ledger()) == 20


def test_the_load_counts_broken_connections(provider: ProviderStandIn) -> None:
    provider.configure(blackout_s=60)
    target = f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json"
    basic = base64.b64encode(f"{provider.account_sid}:{provider.auth_token}".encode()).decode()
    load = post(
        target,
        lambda number: b"To=%2B12025550143&From=%2B1&Body=Hi",
        requests=6,
        clients=2,
        headers=lambda number: {"Authorization": f"Basic {basic}"},
    )
    assert load.statuses == {0: 6}
