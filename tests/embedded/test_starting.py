"""Starting, restarting and stopping, on whatever machine and by whatever caller."""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from crm import embedded
from crm.embedded import programs
from tests.embedded.owners import connect, value


def test_a_restart_keeps_the_address_and_what_was_committed(tmp_path: Path) -> None:
    with embedded.start(tmp_path, fsync=False, valkey=False) as running:
        for crash in (False, True):
            connection = connect(running.admin_url)
            connection.execute("CREATE TABLE IF NOT EXISTS kept (answer int)")
            connection.execute("INSERT INTO kept VALUES (42)")
            running.restart_postgres(crash=crash)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            connection.close()
        with connect(running.admin_url) as again:
            assert value(again, "SELECT count(*) FROM kept") == 2


@pytest.mark.parametrize("folder", ["private", "x" * 90])
def test_sockets_go_elsewhere_where_the_temporary_folder_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    temporary = tmp_path / folder
    temporary.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with embedded.start(tmp_path / "data", fsync=False) as running:
        assert running.answer()


def test_stop_works_twice_and_only_in_the_process_that_started(tmp_path: Path) -> None:
    running = embedded.start(tmp_path, fsync=False, postgres=False)
    running.process_id += 1
    running.stop()
    assert running.answer()
    running.process_id -= 1
    running.stop()
    running.stop()
    assert not running.answer()


def test_each_server_can_be_had_alone(tmp_path: Path) -> None:
    with embedded.start(tmp_path, postgres=False) as running:
        assert set(running.running) == {"valkey"}
        with redis.Redis.from_url(running.redis_url) as broker:
            assert broker.ping()


def test_only_the_main_thread_may_start(tmp_path: Path) -> None:
    errors: list[str] = []

    def attempt() -> None:
        try:
            embedded.start(tmp_path)
        except embedded.EmbeddedError as error:
            errors.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert errors == ["The bundled servers are started from the main thread only."]


def test_programs_in_a_private_folder_are_copied_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    program = Path(shutil.copy(programs.bundled_valkey(), private))
    copies = tmp_path / "copies"
    given = programs.Programs(postgres=None, valkey=program)
    assert given.reachable_by_others(copies).valkey == copies / "valkey-server"
    monkeypatch.setattr(programs, "is_open_to_all", lambda path: False)
    with embedded.start(tmp_path / "data", fsync=False) as running:
        with connect(running.admin_url) as connection:
            connection.execute("DO $$ BEGIN PERFORM 1; END $$")  # loads a library
        with redis.Redis.from_url(running.redis_url) as broker:
            assert broker.ping()


def not_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("make", "words"),
    [(not_linux, "run on Linux only"), (not_installed, r"pip install 'frontdesk\[embedded\]'")],
)
def test_a_system_without_the_servers_is_told_to_name_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[pytest.MonkeyPatch], None],
    words: str,
) -> None:
    make(monkeypatch)
    with pytest.raises(embedded.EmbeddedError, match=words) as refused:
        embedded.start(tmp_path)
    monkeypatch.undo()
    assert "et DATABASE_URL and REDIS_URL" in str(refused.value)
