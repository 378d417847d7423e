"""The product under measurement: own servers with fsync, databases, the Procfile's processes."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import psycopg
import redis
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from crm import embedded
from crm.core import migrating
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.runtime import build_runtime, ring_redis

CHECKOUT = Path(__file__).resolve().parents[1]
LOGIN = "frontdesk"
ZONE = "America/New_York"
_NOON = 12
_PATIENCE_S = 180.0
_GLANCE_S = 0.02


class TookTooLong(RuntimeError):
    """Something that the bench waits for has not happened."""


@dataclass
class House:
    """Servers and settings of one run of the bench."""

    folder: Path
    servers: embedded.EmbeddedServers
    keys: str = field(default_factory=lambda: Fernet.generate_key().decode())
    port: int = field(default_factory=lambda: free_port())

    @property
    def admin_url(self) -> str:
        """SQLAlchemy's address of PostgreSQL, as the superuser."""
        return self.servers.admin_url

    @property
    def redis_url(self) -> str:
        """The address of the bundled Valkey."""
        return self.servers.redis_url

    @property
    def base_url(self) -> str:
        """Where the web process serves."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, database: str, **more: str) -> dict[str, str]:
        """Return the variables of the processes: addresses and a key, all else as it comes.

        The clock stands at noon of the clinics' day, so that no quiet hour holds a text.
        """
        return {
            "DATABASE_URL": self.servers.url(database, LOGIN),
            "REDIS_URL": self.redis_url,
            "ENCRYPTION_KEYS": self.keys,
            "PORT": str(self.port),
            "PUBLIC_URL": self.base_url,
            "LOG_LEVEL": "INFO",
            "CLOCK_OFFSET": f"PT{_to_noon().total_seconds():.0f}S",
            **more,
        }

    def make_database(self, name: str) -> None:
        """Make an empty database with the schema of this release."""
        migrating.make_database(self.admin_url, name, LOGIN)
        migrating.upgrade(self.servers.url(name, LOGIN))

    @contextmanager
    def copy_of(self, template: str, name: str = "frontdesk_bench") -> Iterator[str]:
        """Copy a database, with nothing waiting in Redis; yields the copy's name, and drops it."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
        with self.admin() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            connection.execute(
                f'CREATE DATABASE "{name}" OWNER {LOGIN} TEMPLATE "{template}"'
                " STRATEGY file_copy".encode()
            )
            # What was copied is written out now, not while the clock runs.
            connection.execute("CHECKPOINT")
            try:
                yield name
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    @contextmanager
    def admin(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Connect as the superuser, each statement its own transaction."""
        url = make_url(self.admin_url).set(drivername="postgresql", database=database)
        address = url.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection

    @contextmanager
    def runtime(self, database: str, **more: str) -> Iterator[Runtime]:
        """Build the product in this process, as its own commands do."""
        given = {name.lower(): value for name, value in self.environment(database, **more).items()}
        settings = Settings(_env_file=None, **given)  # type: ignore[arg-type]
        built = build_runtime(settings, doorbell=ring_redis(settings))
        try:
            yield built
        finally:
            built.close()

    @contextmanager
    def processes(
        self, kinds: list[str], environment: dict[str, str]
    ) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run processes of the Procfile; yields once each has said that it works."""
        with ExitStack() as stack:
            running = []
            for number, kind in enumerate(kinds):
                log = self.folder / f"{kind}-{number}.log"
                words = command_of(kind, self.port)
                running.append(stack.enter_context(process(words, environment, self.folder, log)))
                until(self._sign_of(kind, log, running[-1]), f"{kind} does not start: see {log}")
            yield running

    def _sign_of(
        self, kind: str, log: Path, running: subprocess.Popen[bytes]
    ) -> Callable[[], bool]:
        sign = "scheduler.started" if kind == "scheduler" else "worker.started"

        def is_up() -> bool:
            if running.poll() is not None:
                raise RuntimeError(f"{kind} ended: {log.read_text()[-2000:]}")
            return answers(f"{self.base_url}/healthz") if kind == "web" else sign in log.read_text()

        return is_up


@contextmanager
def open_house() -> Iterator[House]:
    """Start the bundled servers on a folder of their own; it is removed at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name,
        embedded.start(Path(name), fsync=True) as servers,
    ):
        yield House(Path(name), servers)


@contextmanager
def process(
    words: list[str], environment: dict[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the product in a folder without settings; SIGTERM ends it."""
    programs = Path(sys.executable).parent
    inherited = {
        name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ
    }
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with log.open("wb") as sink:
        running = subprocess.Popen(
            [str(programs / words[0]), *words[1:]],
            env={**inherited, "PATH": path, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def command_of(kind: str, port: int) -> list[str]:
    """Return a command of the Procfile as a shell would read it, on loopback."""
    lines = (CHECKOUT / "Procfile").read_text().splitlines()
    words = next(line for line in lines if line.startswith(f"{kind}: ")).partition(": ")[2]
    return shlex.split(words.replace("${PORT:-8000}", str(port)).replace("0.0.0.0", "127.0.0.1"))


def until(happened: Callable[[], bool], complaint: str, patience_s: float = _PATIENCE_S) -> None:
    """Return once something has happened. Raises TookTooLong."""
    clock = Event()
    for _ in range(int(patience_s / _GLANCE_S)):
        if happened():
            return
        clock.wait(_GLANCE_S)
    raise TookTooLong(complaint)


def answers(url: str) -> bool:
    """Say whether a loopback address answers with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _to_noon() -> timedelta:
    """Return how long it is until noon where the clinics are; never negative."""
    here = datetime.now(ZoneInfo(ZONE))  # noqa: TID251 - no database yet
    noon = here.replace(hour=_NOON, minute=0, second=0, microsecond=0)
    noon += timedelta(days=1 if noon < here else 0)
    return noon.astimezone(UTC) - here.astimezone(UTC)
