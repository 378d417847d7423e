"""One server as a child process in the foreground."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from crm.embedded import child
from crm.embedded.errors import EmbeddedError

START_SECONDS = 120  # recovery after a crash of the machine may take its time
STOP_SECONDS = 20
TICK_SECONDS = 0.01
LOG_BYTES = 1_000_000
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


@dataclass(frozen=True)
class Program:
    """How to run one program: as whom, with which files kept open, and what ends it gently."""

    name: str
    arguments: tuple[str, ...]
    uid: int
    gid: int
    kept: tuple[int, ...]
    log: Path
    stop_signal: signal.Signals = signal.SIGKILL

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the program in its own session: Ctrl-C reaches the application first."""
        words = (int(self.stop_signal), self.uid, self.gid, os.getpid())
        with open_log(self.log) as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", child.__file__, *map(str, words), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                pass_fds=self.kept,
                start_new_session=True,
            )

    def run(self) -> None:
        """Run the program to its end. Raises EmbeddedError with its last words if it fails."""
        process = self.spawn()
        try:
            failed = process.wait() != 0
        except BaseException:
            process.kill()
            process.wait()
            raise
        if failed:
            raise EmbeddedError(failure(self))


class Server:
    """A program that serves until it is stopped."""

    def __init__(self, program: Program, is_ready: Callable[[int], bool]) -> None:
        self.program = program
        self.is_ready = is_ready
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers. Raises EmbeddedError with its last words."""
        self.process = self.program.spawn()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.is_ready(self.process.pid):
                return
            # Waiting for its end is the pause between two looks.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(TICK_SECONDS)
                break
        self.kill()
        raise EmbeddedError(failure(self.program))

    def stop(self, stop_signal: signal.Signals | None = None) -> None:
        """Stop, gently unless another signal is named, and wait for the end."""
        self.ask_to_stop(stop_signal)
        self.wait_for_stop()

    def ask_to_stop(self, stop_signal: signal.Signals | None = None) -> None:
        """Send a signal, that for a gentle stop unless another is named."""
        if self.process is not None:
            self.process.send_signal(stop_signal or self.program.stop_signal)

    def wait_for_stop(self) -> None:
        """Wait until it has ended; end it by force after 20 s."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it without asking; a server that has ended is left alone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, emptied first when it has grown past 1 MB."""
    path.touch(mode=0o600)
    if path.stat().st_size > LOG_BYTES:
        os.truncate(path, 0)
    return path.open("ab")


def failure(program: Program) -> str:
    """Say that a program failed, with the last lines of its log."""
    lines = program.log.read_text(errors="replace").splitlines()[-8:]
    return "\n".join([f"{program.name} failed. The end of {program.log}:", *lines])
