"""Run a command with PostgreSQL 15 and Redis as an operator has them: Debian's packages.

`python -m tests.support.own_servers make test`. Both listen on loopback ports and ask for a
password; PostgreSQL sorts words and tells the time as its country does. They are this process's
own and end with it, however it ends; the services of this machine are left alone.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from types import FrameType

import psycopg
import redis

from crm.embedded.process import Program, Server
from crm.embedded.servers import User, servers_user
from tests.support.servers import in_memory

POSTGRES = Path("/usr/lib/postgresql/15/bin")
MISSING = "PostgreSQL 15 or Redis is missing: sudo apt install postgresql-15 redis-server"
COUNTRY = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "America/Chicago",
    # Only a crash of the machine could destroy what tests wrote.
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
}


@contextmanager
def own_servers(redis_program: str) -> Iterator[dict[str, str]]:
    """Start both; yields the variables that name them to tests. Raises EmbeddedError."""
    with tempfile.TemporaryDirectory(prefix="frontdesk-own-", dir=in_memory()) as name:
        folder, password = Path(name), token_hex(16)
        user = servers_user(folder / "postgres")
        os.chown(folder, user.uid, user.gid)
        with (
            postgres(folder, user, password) as database_url,
            broker(folder, user, password, redis_program) as redis_url,
        ):
            yield {
                "TEST_DATABASE_URL": database_url,
                "TEST_REDIS_URL": redis_url,
                "TEST_REDIS_PROGRAM": redis_program,
            }


@contextmanager
def postgres(folder: Path, user: User, password: str) -> Iterator[str]:
    """Run PostgreSQL on a new cluster; yields the superuser's address."""
    secret, cluster, port = folder / "password", ["-D", str(folder / "postgres")], free_port()
    secret.write_text(password)
    options = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(secret), "--no-sync"]
    program(folder, user, str(POSTGRES / "initdb"), *cluster, *options, *COUNTRY).run()
    settings = {**SETTINGS, "port": str(port)}
    options = [word for item in settings.items() for word in ("-c", "=".join(item))]
    address = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    server = program(folder, user, str(POSTGRES / "postgres"), *cluster, *options)
    with running(server, lambda: psycopg.connect(address).close()):
        yield address


@contextmanager
def broker(folder: Path, user: User, password: str, redis_program: str) -> Iterator[str]:
    """Run Redis, which keeps nothing on disk; yields its address."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", password]
    address = f"redis://:{password}@127.0.0.1:{port}/0"
    server = program(folder, user, redis_program, *options, "--save", "", "--dir", str(folder))
    with redis.Redis.from_url(address) as client, running(server, client.ping):
        yield address


def program(folder: Path, user: User, path: str, *arguments: str) -> Program:
    """Return the command line of a program that logs to the folder."""
    name = Path(path).name
    stop_signal = signal.SIGINT if name == "postgres" else signal.SIGTERM
    log = folder / f"{name}.log"
    return Program(name, (path, *arguments), user.uid, user.gid, (), log, stop_signal)


@contextmanager
def running(server: Program, ask: Callable[[], object]) -> Iterator[None]:
    """Run a server that is ready once `ask` raises nothing."""

    def is_ready(pid: int) -> bool:
        with contextlib.suppress(psycopg.OperationalError, redis.RedisError):
            ask()
            return True
        return False

    started = Server(server, is_ready)
    try:
        started.start()
        yield
    finally:
        started.stop()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command to its end, also when this process is told to end; returns its status."""
    process = subprocess.Popen(command, env={**os.environ, **environment})

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command by itself.
    return process.wait()


def main(command: Sequence[str]) -> int:
    """Start both, run the command, end both; returns the command's status."""
    redis_program = shutil.which("redis-server")
    if redis_program is None or not (POSTGRES / "postgres").exists():
        sys.stderr.write(f"{MISSING}\n")
        return 1
    with own_servers(redis_program) as environment:
        return run(command, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
