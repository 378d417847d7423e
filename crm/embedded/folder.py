"""The folder that keeps the servers' data, its locks, and the private folder of their sockets."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from crm.embedded.errors import AlreadyRunning, EmbeddedError
from crm.embedded.programs import is_entered_by_all

STOPPING_SECONDS = 60
TICK_SECONDS = 0.02
RECORD = "servers.json"
SOCKETS = "s"
RUN_PREFIX = "frontdesk-"
SOCKET_PATH_BYTES = 80  # the system's limit is 107, and a server adds its file's name


class DataFolder:
    """A data folder held by this process.

    Two locks: `run.lock` is this process's own and refuses a second start at once; `servers.lock`
    is inherited by the servers, so that a start after a crash waits until the last one is gone.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder, creating it if need be. Raises AlreadyRunning, EmbeddedError."""
        self.path = path.resolve()
        with contextlib.ExitStack() as undo:
            try:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                run_lock = undo.enter_context(Lock(self.path / "run.lock"))
                servers_lock = undo.enter_context(Lock(self.path / "servers.lock"))
            except PermissionError as error:
                raise EmbeddedError(f"{self.path} belongs to another user: {error}") from error
            if not run_lock.take():
                raise AlreadyRunning(already_running(self.path, run_lock.holder()))
            run_lock.sign()
            if not servers_lock.wait():
                raise EmbeddedError(f"The former servers of {self.path} have not stopped yet.")
            self.servers_lock = servers_lock
            self.record = self.path / RECORD
            self.run = self.make_run_folder()
            self.sockets = self.run / SOCKETS
            # Cleaners of temporary folders leave a locked one alone.
            undo.enter_context(Lock(self.run)).take()
            self.held = undo.pop_all()

    def make_run_folder(self) -> Path:
        """Make the private folder of sockets and programs, after removing one left by a crash."""
        former = read_record(self.record)
        if former is not None:
            remove_run_folder(former)
        run = Path(tempfile.mkdtemp(prefix=RUN_PREFIX, dir=temporary_folder()))
        replacement = self.record.with_suffix(".new")
        replacement.write_text(json.dumps({"run": str(run)}))
        replacement.replace(self.record)
        if os.geteuid() == 0:
            run.chmod(0o711)  # the servers run as somebody else and must pass
        (run / SOCKETS).mkdir(mode=0o700)
        return run

    def opened(self, path: Path) -> int:
        """Open a folder for as long as this one is held, and return its descriptor."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.held.callback(os.close, descriptor)
        return descriptor

    def close(self) -> None:
        """Remove the sockets and let go of the folder."""
        self.record.unlink(missing_ok=True)
        remove_run_folder(self.run)
        self.held.close()


class Lock:
    """An exclusive lock on a file or folder, which the system drops with its last holder."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT
        self.descriptor = os.open(path, flags, 0o600)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)

    def take(self) -> bool:
        """Take the lock if it is free, and say whether it was."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self) -> bool:
        """Take the lock as soon as it is free; False after 60 s."""
        deadline = time.monotonic() + STOPPING_SECONDS
        while not self.take():
            if time.monotonic() > deadline:
                return False
            threading.Event().wait(TICK_SECONDS)  # flock has no time-out of its own
        return True

    def sign(self) -> None:
        """Write this process's number into the file, for the message to whoever comes second."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def holder(self) -> str:
        """Return the number of the process that holds the lock, empty if it has not signed yet."""
        return os.pread(self.descriptor, 20, 0).decode(errors="replace")


def already_running(path: Path, holder: str) -> str:
    """Say that a data folder is in use, by whom, and what to do."""
    process = f" (process {holder})" if holder else ""
    return (
        f"Frontdesk is already running on {path}{process}. "
        "Stop it first, or set FRONTDESK_DATA to another folder."
    )


def read_record(path: Path) -> Path | None:
    """Return the folder of the sockets that a record names, None without a readable one."""
    try:
        return Path(json.loads(path.read_text())["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_run_folder(run: Path) -> None:
    """Remove a folder of sockets, and nothing that only claims to be one."""
    if run.name.startswith(RUN_PREFIX) and run.is_dir() and run.stat().st_uid == os.geteuid():
        shutil.rmtree(run, ignore_errors=True)


def temporary_folder() -> str:
    """Return the folder for temporary files, or /tmp where that one does not serve.

    It may be too long for a socket's path, or closed to the user as whom root runs the servers.
    """
    folder = tempfile.gettempdir()
    is_short = len(os.fsencode(folder)) < SOCKET_PATH_BYTES
    is_open = os.geteuid() != 0 or is_entered_by_all(Path(folder))
    return folder if is_short and is_open else "/tmp"
