"""The scheduler: every second it looks whether rows are due and rings; it claims nothing."""

from collections.abc import Sequence

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import DBAPIError

from crm.core import killpoints
from crm.core import work as due
from crm.core.locks import try_lock
from crm.core.runtime import Job, Runtime
from crm.core.uow import Doorbell
from workers.broker import QUEUES

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
_MISFIRE_SECONDS = 60


def build_scheduler(runtime: Runtime, doorbell: Doorbell, *, slots: int) -> BackgroundScheduler:
    """Return a scheduler that sweeps each second and runs the jobs; it is not started yet.

    Two schedulers do no harm: each tick takes an advisory lock, and a ring twice is one claim.
    """
    scheduler = BackgroundScheduler(
        timezone="UTC",
        job_defaults={
            "misfire_grace_time": _MISFIRE_SECONDS,
            "coalesce": True,
            "max_instances": 1,
        },
    )
    scheduler.add_job(
        sweep,
        "interval",
        args=[runtime, doorbell],
        kwargs={"slots": slots},
        seconds=SWEEP_SECONDS,
        id="sweep",
    )
    for job in runtime.jobs:
        scheduler.add_job(
            run_job, "interval", args=[runtime, job], seconds=job.seconds, id=job.name
        )
    return scheduler


def sweep(runtime: Runtime, doorbell: Doorbell, *, slots: int) -> int:
    """Ring for every kind of work that is due, once a chunk and never more than `slots` times.

    It does not ring again while its last ring for a kind waits: see `Doorbell.ring_due`. Returns
    how often it rang. A lost database is looked for again at the next tick.
    """
    rung = 0
    try:
        for kind, queue, rows in _due(runtime):
            chunks = -(-rows // runtime.work[kind].limit)
            if times := doorbell.ring_due(kind, queue, min(chunks, slots)):
                killpoints.reached("scheduler.after_ring")
                rung += times
    except DBAPIError as fault:
        log.warning("scheduler.database_unreachable", error=type(fault).__name__)
    return rung


def _due(runtime: Runtime) -> Sequence[tuple[str, str, int]]:
    consumers = list(runtime.subscriptions.by_name)
    found = []
    with runtime.database.system() as system:
        if not try_lock(system.session, "scheduler.sweep"):
            return []
        for work in runtime.work.values():
            for queue in QUEUES:
                rows = due.count_due(system, work, queue, consumers=consumers)
                found.append((work.kind, queue, rows))
    return found


def run_job(runtime: Runtime, job: Job) -> None:
    """Run a periodic job unless another scheduler is at it; a failure is logged, not raised."""
    try:
        with runtime.database.system() as system:
            if try_lock(system.session, f"job.{job.name}"):
                job.run(runtime)
    except Exception as fault:  # The scheduler outlives whatever a job does.
        log.error("job.failed", job=job.name, error=type(fault).__name__)
