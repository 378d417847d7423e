"""PF-11, PF-13: what `make run` costs when nothing happens: memory, and CPU with a browser open."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from bench.browser import Browser
from bench.house import answers, free_port, process, until
from bench.report import Bar, at_most, compare

PROTOTYPE_MB = 118.0
"""The bare prototype of the same shape: one process, PostgreSQL and Valkey."""

_CORE = 1.0
_SETTLE_S = 15.0
_POLL_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")
_START_S = 300.0
OPEN_PAGE = "/sandbox"
"""The page that is open: of all pages the one that asks again and again, each 2 s."""


@dataclass(frozen=True)
class Scale:
    """Over how many seconds CPU is counted, in all rounds together."""

    seconds: float


FULL = Scale(60)
SMALL = Scale(30)


def measure(folder: Path, wanted: set[str], scale: Scale, rounds: int) -> list[Bar]:
    """Run the demo, let it become quiet, and read memory and CPU window by window."""
    memory: list[float] = []
    cores: list[float] = []
    with _demo(folder) as (root, browser), _open(browser):
        Event().wait(_SETTLE_S)
        for _ in range(rounds):
            memory.append(memory_mb(root))
            cores.append(cores_used(root, scale.seconds / rounds))
    bars = []
    if "PF-11" in wanted:
        limits = {"first": at_most(2.5), "goal": at_most(1.5)}
        bars.append(compare("PF-11", "MB", memory, [PROTOTYPE_MB] * rounds, **limits))
    if "PF-13" in wanted:
        limits = {"first": at_most(0.15), "goal": at_most(0.03)}
        bars.append(compare("PF-13", "cores", cores, [_CORE] * rounds, **limits))
    return bars


@contextmanager
def _demo(folder: Path) -> Iterator[tuple[int, Browser]]:
    """Run `frontdesk dev` as `make run` does, and sign in; yields its process and the browser."""
    data, port = folder / "demo", free_port()
    data.mkdir()
    environment = {"FRONTDESK_ENV": "demo", "FRONTDESK_DATA": str(data), "PORT": str(port)}
    base_url, log = f"http://127.0.0.1:{port}", folder / "demo.log"
    with process(["frontdesk", "dev"], environment, folder, log) as running:

        def serves() -> bool:
            if running.poll() is not None:
                raise RuntimeError(f"the demo ended: {log.read_text()[-2000:]}")
            return answers(f"{base_url}/healthz")

        until(serves, f"the demo does not serve: see {log}", _START_S)
        owner = json.loads((data / "demo.json").read_text())["users"][0]
        with Browser(base_url) as browser:
            browser.sign_in(owner["email"], owner["password"])
            yield running.pid, browser


@contextmanager
def _open(browser: Browser) -> Iterator[None]:
    """Keep a page open as its own script does: it asks for itself every two seconds."""
    closed = Event()

    def keep_open() -> None:
        while not closed.wait(_POLL_S):
            browser.get(OPEN_PAGE)

    browser.get(OPEN_PAGE)
    thread = Thread(target=keep_open)
    thread.start()
    try:
        yield
    finally:
        closed.set()
        thread.join()


def memory_mb(root: int) -> float:
    """Return the proportional set size of a process and all below it, in megabytes."""
    total = 0
    for pid in family(root):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def cores_used(root: int, seconds: float) -> float:
    """Return how much of one core a process and all below it use over so many seconds."""
    before, begun = _cpu(root), time.monotonic()
    Event().wait(seconds)
    after = _cpu(root)
    used = sum(spent - before.get(pid, 0.0) for pid, spent in after.items())
    return used / (time.monotonic() - begun)


def family(root: int) -> list[int]:
    """Return a process and its descendants that run now."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    known = [root]
    for pid in known:
        known += [child for child, parent in parents.items() if parent == pid]
    return known


def _cpu(root: int) -> dict[int, float]:
    """Return the seconds of CPU that each process of a family has used, with its dead children."""
    spent = {}
    for pid in family(root):
        with contextlib.suppress(OSError):
            spent[pid] = sum(int(ticks) for ticks in _stat(pid)[11:15]) / _TICKS
    return spent


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the command's name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
