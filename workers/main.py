"""The processes: a worker for some queues, a scheduler, or both inside the web process."""

import gc
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType

import structlog
from dramatiq import Worker

from crm.core.floors import Floors
from crm.core.runtime import Runtime
from crm.core.uow import Doorbell
from workers.actors import make_actors
from workers.broker import build_broker
from workers.scheduler import build_scheduler

log = structlog.get_logger()

STOP_SECONDS = 25
_WORKER_TIMEOUT_MS = 100
_OBJECTS_A_LOOK = 20_000
"""New objects after which a worker looks for cycles. A chunk makes tens of thousands that live
until its commit; Python's own 700 looked through them again and again, for a sixth of all time."""


@contextmanager
def working(runtime: Runtime, queues: Sequence[str], threads: int) -> Iterator[Worker]:
    """Run a Dramatiq worker on threads of this process for some queues."""
    assert runtime.settings.redis_url is not None
    runtime.database.floors = Floors()
    broker = build_broker(
        runtime.settings.redis_url, heartbeat_ms=int(runtime.settings.heartbeat_seconds * 1000)
    )
    make_actors(broker, runtime)
    worker = Worker(
        broker, queues=set(queues), worker_threads=threads, worker_timeout=_WORKER_TIMEOUT_MS
    )
    worker.start()
    log.info("worker.started", queues=list(queues), threads=threads)
    try:
        yield worker
    finally:
        worker.stop(timeout=STOP_SECONDS * 1000)
        broker.close()


@contextmanager
def scheduling(runtime: Runtime, doorbell: Doorbell, *, slots: int) -> Iterator[None]:
    """Run the scheduler on a thread of this process."""
    runtime.database.floors = runtime.database.floors or Floors()
    scheduler = build_scheduler(runtime, doorbell, slots=slots)
    scheduler.start()
    log.info("scheduler.started")
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)


def run_worker(runtime: Runtime, queues: Sequence[str]) -> None:
    """Work on these queues until SIGTERM or Ctrl-C, then finish what runs."""
    gc.freeze()  # What the code itself consists of is no garbage, ever.
    gc.set_threshold(_OBJECTS_A_LOOK, *gc.get_threshold()[1:])
    with working(runtime, queues, runtime.settings.worker_threads):
        wait_for_signal()
    runtime.close()


def run_scheduler(runtime: Runtime, doorbell: Doorbell) -> None:
    """Ring for due work until SIGTERM or Ctrl-C."""
    with scheduling(runtime, doorbell, slots=runtime.settings.worker_threads):
        wait_for_signal()
    runtime.close()


def wait_for_signal() -> None:
    """Return when this process is told to end."""
    told = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    told.wait()
