"""The processes of the Procfile, each started in a moment.

Starting one costs seconds of imports, and hundreds are killed here. So one process imports the
product once and is forked for each: every child is a process of its own with its own environment,
and runs the very command of the Procfile.
"""

import ctypes
import multiprocessing
import os
import shlex
import signal
import socket
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from crm.core.loading import load
from crm.embedded.child import PR_SET_PDEATHSIG

CHECKOUT = Path(__file__).parents[2]
PRELOADED = "tests.faults.preloaded"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([PRELOADED])


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command_of(kind: str, port: int) -> list[str]:
    """Return the command of a kind of process as the Procfile has it, on loopback."""
    lines = (CHECKOUT / "Procfile").read_text().splitlines()
    words = next(line for line in lines if line.startswith(f"{kind}: ")).partition(": ")[2]
    return shlex.split(words.replace("${PORT:-8000}", str(port)).replace("0.0.0.0", "127.0.0.1"))


def spawn(command: list[str], environment: dict[str, str], log: Path) -> ForkServerProcess:
    """Start a process of the product; it ends with this one at the latest."""
    process = _context.Process(target=_run, args=(command, environment, log), daemon=True)
    process.start()
    return process


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    """Turn this forked copy into a process of the product."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    with log.open("ab") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(environment["FRONTDESK_DATA"])  # where no developer's .env lies
    load(f"{PRELOADED}:run")(command)
