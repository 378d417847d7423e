"""What the yardsticks share: child processes, databases of their own, printing."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
from dramatiq import Broker, Worker
from sqlalchemy.engine import make_url

_CHECKOUT = Path(__file__).resolve().parents[2]
STOCK_THREADS = 8


@contextmanager
def children(count: int, module: str, arguments: Sequence[str]) -> Iterator[list[str]]:
    """Run `python -m module --child …` so many times; yields what each said when it was ready."""
    with ExitStack() as stack:
        started = [stack.enter_context(_child(module, arguments)) for _ in range(count)]
        said = []
        for process in started:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("ready"):
                raise RuntimeError(f"A process of {module} did not start; see standard error.")
            said.append(line.removeprefix("ready").strip())
        yield said


@contextmanager
def _child(module: str, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--child", *arguments],
        cwd=_CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def run_worker(broker: Broker) -> None:
    """Run a worker as `dramatiq` starts it, eight threads, until SIGTERM."""
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    worker = Worker(broker, worker_threads=STOCK_THREADS)
    worker.start()
    ready()
    stopping.wait()
    worker.stop()


def ready(said: object = "") -> None:
    """Tell the starting process that this one is ready."""
    sys.stdout.write(f"ready {said}\n")
    sys.stdout.flush()


@contextmanager
def own_database(admin_url: str, name: str) -> Iterator[str]:
    """Make an empty database beside the given one; yields its libpq address; drops it."""
    url = make_url(admin_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def show(measured: Any) -> None:
    """Print a measurement as one line of JSON."""
    sys.stdout.write(json.dumps(asdict(measured)) + "\n")
