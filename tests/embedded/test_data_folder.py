"""What a start finds in its folder: what a crash left, another's data, logs."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from crm import embedded
from crm.embedded import folder as data_folder
from tests.embedded.owners import connect

PATIENT = "Canary-Patient-0042"


def test_a_start_waits_for_the_servers_of_a_crashed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with data_folder.Lock(tmp_path / "servers.lock") as left_behind:
        assert left_behind.take()
        monkeypatch.setattr(data_folder, "STOPPING_SECONDS", 0.05)
        with pytest.raises(embedded.EmbeddedError, match="have not stopped yet"):
            embedded.start(tmp_path)
        monkeypatch.setattr(data_folder, "STOPPING_SECONDS", 60)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(data_folder.DataFolder, tmp_path)
            fcntl.flock(left_behind.descriptor, fcntl.LOCK_UN)
            waiting.result(timeout=30).close()


def test_a_cluster_left_half_made_is_made_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.new" / "base"
    unfinished.mkdir(parents=True)
    with embedded.start(tmp_path, fsync=False, valkey=False) as running:
        assert running.answer()
    assert not unfinished.exists()


def test_a_stale_process_number_does_not_stop_a_start(tmp_path: Path) -> None:
    embedded.start(tmp_path, fsync=False, valkey=False).stop()
    (tmp_path / "postgres" / "postmaster.pid").write_text("1\n/elsewhere\n1\n5432\n\n\n")
    with embedded.start(tmp_path, fsync=False, valkey=False) as running:
        assert running.answer()


def test_a_failing_server_says_why_and_lets_go_of_the_folder(tmp_path: Path) -> None:
    embedded.start(tmp_path, fsync=False).stop()
    broken = tmp_path / "postgres" / "postgresql.auto.conf"
    good = broken.read_text()
    broken.write_text("no_such_setting = on\n")
    with pytest.raises(embedded.EmbeddedError, match="no_such_setting"):
        embedded.start(tmp_path, fsync=False)
    broken.write_text(good)
    with embedded.start(tmp_path, fsync=False) as running:
        assert running.answer()


def test_data_of_another_version_is_named(tmp_path: Path) -> None:
    embedded.start(tmp_path, fsync=False, valkey=False).stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match="written by PostgreSQL 17; this is 18"):
        embedded.start(tmp_path)


def test_logs_hold_no_words_of_patients(tmp_path: Path) -> None:
    with embedded.start(tmp_path, fsync=False) as running:
        with connect(running.admin_url) as connection:
            connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
            connection.execute("INSERT INTO people VALUES (%s)", [PATIENT])
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people VALUES (%s)", [PATIENT])
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute(f"SELECT '{PATIENT}'::int".encode())
        with redis.Redis.from_url(running.redis_url) as broker:
            with pytest.raises(redis.ResponseError):
                broker.execute_command("SET", PATIENT)
            running.restart_postgres(crash=True)
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "ready to accept connections" in logs
    assert PATIENT not in logs


def test_running_servers_are_found_by_their_folder(tmp_path: Path) -> None:
    assert embedded.find_running(tmp_path) is None
    with embedded.start(tmp_path, fsync=False) as running:
        found = embedded.find_running(tmp_path)
        assert found is not None
        assert (found.admin_url, found.redis_url) == (running.admin_url, running.redis_url)
        record = (tmp_path / data_folder.RECORD).read_text()
    assert embedded.find_running(tmp_path) is None
    (tmp_path / data_folder.RECORD).write_text(record)
    assert embedded.find_running(tmp_path) is None
    (tmp_path / data_folder.RECORD).write_text("{")
    assert embedded.find_running(tmp_path) is None


def test_a_record_cannot_make_a_start_remove_another_folder(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    data_folder.remove_run_folder(precious)
    assert precious.exists()


def test_a_log_that_has_grown_large_is_begun_again(tmp_path: Path) -> None:
    log = tmp_path / "valkey.log"
    log.write_text("x" * 1_000_001)
    embedded.start(tmp_path, postgres=False).stop()
    assert "x" * 100 not in log.read_text()
