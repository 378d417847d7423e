"""A supervisor of processes, as every host has one: what ends is started again."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import RLock, Thread
from types import TracebackType

from tests.faults.processes import spawn


@dataclass
class Child:
    """One process under its name: what it runs, and how often it was started and died."""

    command: list[str]
    environment: dict[str, str]
    process: ForkServerProcess
    started: int = 1
    killed: int = 0
    died: int = 0
    is_wanted: bool = True
    is_over: bool = False


class Supervisor:
    """Starts processes, and starts them again when they were killed; a context manager.

    One that ends in any other way is not started again: `broken` tells how it ended.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.children: dict[str, Child] = {}
        self.broken: dict[str, int | None] = {}
        self._lock = RLock()
        self._heard, self._call = Pipe(duplex=False)
        self._is_stopping = False
        self._watcher = Thread(target=self._watch, name="supervisor")

    def __enter__(self) -> "Supervisor":
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_stopping = True
        self._call.send(None)
        self._watcher.join()
        for child in self.children.values():
            child.process.kill()
        for child in self.children.values():
            child.process.join()
            child.process.close()
        self._heard.close()
        self._call.close()

    def start(self, name: str, command: list[str], **environment: str) -> None:
        """Start a process under a name, with additions to the environment of all."""
        with self._lock:
            process = self._spawn(name, command, environment, 0)
            self.children[name] = Child(command, environment, process)
        self._call.send(None)

    def kill(self, name: str) -> None:
        """Kill a process (SIGKILL); it is started again."""
        with self._lock:
            child = self.children[name]
            # One that has just died by itself, and of which we have not heard, is no kill of ours.
            child.killed += child.process.exitcode is None
            child.process.kill()

    def restart(self, name: str, **environment: str) -> None:
        """Kill a process and start it with other additions to the environment."""
        with self._lock:
            self.children[name].environment = environment
            self.kill(name)

    def end(self, name: str) -> None:
        """Kill a process for good and wait for its end."""
        with self._lock:
            child = self.children[name]
            child.is_wanted = False
            child.process.kill()
            child.process.join()

    def deaths(self, name: str) -> int:
        """Return how often a process was killed by somebody else than `kill`."""
        with self._lock:
            child = self.children[name]
            return child.died - child.killed

    @property
    def starts(self) -> int:
        """How often a process was started, all together."""
        return sum(child.started for child in self.children.values())

    def log_of(self, name: str) -> Path:
        """Return the file of what a process says."""
        return self.folder / f"{name}.log"

    def last_words(self) -> str:
        """Return the end of every log, for the message of a failing test."""
        logs = sorted(self.folder.glob("*.log"))
        ends = (f"--- {log.name}\n" + "\n".join(_tail(log)) for log in logs)
        return "\n".join(ends)

    def _spawn(
        self, name: str, command: list[str], environment: Mapping[str, str], before: int
    ) -> ForkServerProcess:
        whole = {**self.environment, **environment}
        # Not always the first time: the second and the third lie in the middle of a chunk.
        if "FRONTDESK_KILL_AT" in whole:
            whole["FRONTDESK_KILL_AT"] += f":{1 + before % 3}"
        return spawn(command, whole, self.log_of(name))

    def _watch(self) -> None:
        while not self._is_stopping:
            with self._lock:
                alive = {
                    child.process.sentinel: name
                    for name, child in self.children.items()
                    if not child.is_over
                }
            for ready in wait([self._heard, *alive]):
                if ready is self._heard:
                    self._heard.recv()
                elif not self._is_stopping:
                    self._replace(alive[ready])  # type: ignore[index]

    def _replace(self, name: str) -> None:
        with self._lock:
            child = self.children[name]
            child.process.join()
            child.died += 1
            code = child.process.exitcode
            if not child.is_wanted:
                child.is_over = True
            elif code != -signal.SIGKILL:
                child.is_over = True
                self.broken[name] = code
            else:
                child.process.close()
                child.process = self._spawn(name, child.command, child.environment, child.started)
                child.started += 1


def _tail(log: Path, lines: int = 20) -> list[str]:
    words = log.read_text(errors="replace").splitlines()
    return [line for line in words if not line.startswith("INFO:")][-lines:]
