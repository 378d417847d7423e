"""What runs answers its owner on private sockets, and nobody else."""

import os
from collections.abc import Iterator

import psutil
import pytest
import redis
from sqlalchemy.engine import make_url

from crm import embedded
from tests.embedded.owners import connect, value


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServers]:
    with embedded.start(tmp_path_factory.mktemp("servers") / "data", fsync=False) as running:
        yield running


def test_both_servers_answer_on_sockets_only(servers: embedded.EmbeddedServers) -> None:
    with connect(servers.admin_url) as connection:
        assert value(connection, "SHOW listen_addresses") == ""
        assert value(connection, "SHOW server_encoding") == "UTF8"
        assert value(connection, "SHOW max_connections") == "100"
        assert value(connection, "SHOW autovacuum") == "on"
        assert str(value(connection, "SHOW server_version")).startswith("18.")
    with redis.Redis.from_url(servers.redis_url, decode_responses=True) as broker:
        assert broker.config_get("port") == {"port": "0"}
        assert broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert broker.config_get("save") == {"save": ""}
    started = [server.process for server in servers.running.values()]
    inet = [psutil.Process(process.pid).net_connections("inet") for process in started if process]
    assert inet == [[], []]


def test_nobody_else_can_reach_the_sockets(servers: embedded.EmbeddedServers) -> None:
    status = servers.sockets.stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o700, os.geteuid())


def test_servers_do_not_run_as_root(servers: embedded.EmbeddedServers) -> None:
    pids = [server.process.pid for server in servers.running.values() if server.process]
    assert len(pids) == 2
    assert all(psutil.Process(pid).uids().effective != 0 for pid in pids)


def test_an_address_names_any_database_and_user(servers: embedded.EmbeddedServers) -> None:
    url = make_url(servers.url("a/b c", "o'k@home"))
    assert (url.database, url.username) == ("a/b c", "o'k@home")
    with connect(servers.admin_url) as connection:
        connection.execute('CREATE ROLE "o\'k@home" LOGIN')
        connection.execute('CREATE DATABASE "a/b c" TEMPLATE template0 STRATEGY file_copy')
    with connect(servers.url("a/b c", "o'k@home")) as connection:
        assert value(connection, "SELECT current_user") == "o'k@home"


def test_a_second_start_says_that_one_is_running(servers: embedded.EmbeddedServers) -> None:
    with pytest.raises(embedded.AlreadyRunning) as refused:
        embedded.start(servers.folder.path)
    message = str(refused.value)
    assert f"already running on {servers.folder.path} (process {os.getpid()})" in message
    assert "FRONTDESK_DATA" in message
    assert servers.answer()


def test_ctrl_c_reaches_the_application_and_not_the_servers(
    servers: embedded.EmbeddedServers,
) -> None:
    pids = [server.process.pid for server in servers.running.values() if server.process]
    assert all(os.getpgid(pid) == pid for pid in pids)
