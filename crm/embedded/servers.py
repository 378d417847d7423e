"""PostgreSQL's and Valkey's command lines, and how each says that it is ready."""

import contextlib
import os
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from crm.embedded.errors import EmbeddedError
from crm.embedded.folder import DataFolder
from crm.embedded.process import Program, Server

NOBODY = 65534
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
POSTGRES_VERSION = "18"
ANSWER_SECONDS = 1.0
READY_LINE = 7  # of postmaster.pid; the first line is the process's number

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "autovacuum": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # A failing statement's message can quote a patient's row; the application reports by ids.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Commits still survive a crash of the server, only not one of the machine.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class User:
    """As whom the servers run."""

    uid: int
    gid: int


def servers_user(cluster: Path) -> User:
    """Return who runs the servers: this user, or for root the data's owner, or nobody (65534).

    Raises EmbeddedError if the data belongs to somebody else.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{cluster} belongs to another user (uid {owner.st_uid}): start as that user or "
                "as root, or set FRONTDESK_DATA to another folder."
            )
        return User(os.geteuid(), os.getegid())
    if owner is not None and owner.st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    return User(NOBODY, NOBODY)


class Postgres:
    """The cluster in a data folder, and the server on it."""

    def __init__(self, folder: DataFolder, installation: Path, user: User, *, fsync: bool) -> None:
        self.folder = folder
        self.installation = installation
        self.user = user
        self.fsync = fsync
        self.cluster = folder.path / "postgres"

    def prepare(self) -> Server:
        """Create the cluster if there is none, and return its server, not started.

        Raises EmbeddedError.
        """
        if not self.cluster.exists():
            self.create()
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != POSTGRES_VERSION:
            raise EmbeddedError(
                f"{self.cluster} was written by PostgreSQL {version}; this is {POSTGRES_VERSION}."
            )
        # The locks say that no server runs; the number in the file may be anybody's by now.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder.sockets)}
        if not self.fsync:
            settings |= UNSAFE_SETTINGS
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        return Server(self.program("postgres", self.cluster, options), self.is_ready)

    def create(self) -> None:
        """Create the cluster beside its place and move it there when it is whole."""
        unfinished = self.folder.path / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self.user.uid, self.user.gid)
        options = ["-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8"]
        if not self.fsync:
            options.append("--no-sync")
        self.program("initdb", unfinished, options).run()
        unfinished.rename(self.cluster)

    def program(self, name: str, cluster: Path, options: list[str]) -> Program:
        """Return the command line of one of PostgreSQL's programs on a cluster."""
        kept = [self.folder.servers_lock.descriptor]
        place = str(cluster)
        if os.geteuid() == 0:
            # Another user may not be able to walk down to the folder: hand it over opened.
            kept.append(self.folder.opened(cluster))
            place = f"/proc/self/fd/{kept[-1]}"
        arguments = (str(self.installation / "bin" / name), "-D", place, *options)
        return Program(
            name=name,
            arguments=arguments,
            uid=self.user.uid,
            gid=self.user.gid,
            kept=tuple(kept),
            log=self.folder.path / "postgres.log",
            stop_signal=signal.SIGINT if name == "postgres" else signal.SIGKILL,
        )

    def is_ready(self, pid: int) -> bool:
        """Say whether the server has noted that it takes connections."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            return (
                len(lines) > READY_LINE
                and lines[0] == str(pid)
                and lines[READY_LINE].strip() == "ready"
            )
        return False


def valkey_server(folder: DataFolder, program: Path, user: User) -> Server:
    """Return the broker's server, not started: a socket, nothing on disk, no eviction."""
    path = folder.sockets / VALKEY_SOCKET
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": str(folder.sockets),
        "daemonize": "no",
        "loglevel": "warning",
    }
    arguments = [word for key, value in options.items() for word in (f"--{key}", value)]
    return Server(
        Program(
            name=program.name,
            arguments=(str(program), *arguments),
            uid=user.uid,
            gid=user.gid,
            kept=(folder.servers_lock.descriptor,),
            log=folder.path / "valkey.log",
            stop_signal=signal.SIGTERM,
        ),
        lambda pid: answers_ping(path),
    )


def answers_ping(path: Path) -> bool:
    """Say whether a server of the Redis protocol answers on a socket."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
