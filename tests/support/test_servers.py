"""Tests get servers in the order that the documents promise."""

from pathlib import Path

import psycopg
import pytest

from tests.support.servers import given_redis_url, start_test_servers


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def test_without_addresses_the_bundled_servers_are_taken(tmp_path: Path) -> None:
    with start_test_servers(tmp_path) as servers:
        assert set(servers.started.running) == {"postgres", "valkey"}


def test_addresses_of_the_environment_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_test_servers(tmp_path / "theirs") as theirs:
        monkeypatch.setenv("TEST_DATABASE_URL", theirs.admin_url.replace("+psycopg", ""))
        monkeypatch.setenv("TEST_REDIS_URL", theirs.redis_url)
        with start_test_servers(tmp_path / "ours") as servers:
            assert servers.own is None
            assert servers.redis_url == theirs.redis_url
            url = servers.url("template1", "postgres").replace("+psycopg", "")
            with psycopg.connect(url) as connection:
                assert connection.info.dbname == "template1"
        assert theirs.started.answer()


def test_one_named_server_is_completed_by_an_own_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://admin:secret@db.example/postgres")
    with start_test_servers(tmp_path) as servers:
        assert set(servers.started.running) == {"valkey"}
        assert servers.url("a", "b") == "postgresql+psycopg://b:secret@db.example/a"


def test_each_xdist_worker_has_a_database_of_a_named_redis() -> None:
    assert given_redis_url("redis://:pw@cache:6379/5", "gw3") == "redis://:pw@cache:6379/5?db=3"
    assert given_redis_url("unix:///run/r.sock?db=9", "gw3") == "unix:///run/r.sock?db=3"
    assert given_redis_url("redis://cache:6379/5", "") == "redis://cache:6379/5"
    assert given_redis_url("", "gw3") is None
