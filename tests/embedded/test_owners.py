"""One process has the servers at a time, and they end with it however it ends."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.embedded.owners import (
    ORDINARY,
    Owner,
    addresses,
    connect,
    copy_modules,
    ordinary_python,
    value,
)


def test_a_second_process_is_refused_and_the_first_goes_on(owner: Owner, data: Path) -> None:
    with owner.launch(data) as first:
        running = addresses(first)
        assert f"already running on {data} (process {first.pid})" in owner.refusal(data)
        assert running.answer()
        first.communicate()
    assert first.returncode == 0


def test_a_killed_owner_leaves_no_server_and_the_next_start_recovers(
    owner: Owner, data: Path
) -> None:
    with owner.launch(data) as first:
        crashed = addresses(first)
        with connect(crashed.admin_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            left = psutil.Process(first.pid).children(recursive=True)
            assert {"postgres", "valkey-server"} <= {process.name() for process in left}
            first.kill()
            first.wait()
        gone, alive = psutil.wait_procs(left, timeout=30)
        assert (len(gone), alive) == (len(left), [])
    assert not crashed.answer()
    with owner.launch(data) as second:
        with connect(addresses(second).admin_url) as connection:
            assert value(connection, "SELECT answer FROM kept") == 42
        second.communicate()
    assert second.returncode == 0
    assert not crashed.sockets.parent.exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_servers_end_with_an_owner_that_a_signal_ends(
    owner: Owner, data: Path, end: signal.Signals
) -> None:
    with owner.launch(data) as process:
        addresses(process)
        left = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(end)
        assert psutil.wait_procs(left, timeout=30)[1] == []
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's data")
def test_data_of_another_user_is_named(shared_folder: Path) -> None:
    copy_modules(shared_folder / "modules")
    stranger = Owner(ordinary_python(), str(shared_folder / "modules"), ORDINARY)
    data = shared_folder / "data"
    (data / "postgres").mkdir(parents=True)
    os.chown(data, ORDINARY, ORDINARY)
    assert "belongs to another user (uid 0)" in stranger.refusal(data)
