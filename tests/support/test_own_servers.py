"""Debian's servers are started for one command, and end with it."""

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.fakes.waiting import until
from tests.support import own_servers

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "-m", "tests.support.own_servers"]
TELL = 'echo "$TEST_DATABASE_URL $TEST_REDIS_URL" > "$0.new"; mv "$0.new" "$0"; '

needs_packages = pytest.mark.skipif(
    shutil.which("redis-server") is None or not own_servers.POSTGRES.exists(),
    reason=own_servers.MISSING,
)


def listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", make_url(address).port or 0)) == 0


@needs_packages
def test_the_commands_status_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [*SCRIPT, "sh", "-c", TELL + "exit 3", str(told)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 3
    assert [listens(address) for address in told.read_text().split()] == [False, False]


@needs_packages
def test_told_to_end_it_ends_the_command_and_both_servers(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [*SCRIPT, "sh", "-c", TELL + "read line", str(told)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as running:
        until(told.exists, seconds=60, what="The servers did not start.")
        addresses = told.read_text().split()
        assert [listens(address) for address in addresses] == [True, True]
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) != 0
    assert [listens(address) for address in addresses] == [False, False]


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert own_servers.main(["true"]) == 1
    assert "apt install postgresql-15 redis-server" in capsys.readouterr().err
