"""By default the processes of the Procfile stay below the connections that PostgreSQL allows."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.registry import JOBS
from tests.conftest import Drain
from tests.flows.conftest import app, house
from tests.support.houses import House
from workers.scheduler import run_job

__all__ = ["app", "house"]

PROCFILE = Path(__file__).parents[2] / "Procfile"
ALLOWED = 100 - 3  # max_connections, without what is kept for superusers
ONE_WORKER_THREAD = 1
ONE_JOB = 2  # its lock, and its work
SWEEP = 1


class Held:
    """How many connections of a process are in use, and how many were at once."""

    def __init__(self, engine: Engine) -> None:
        self.now = self.most = 0
        event.listen(engine, "checkout", self._taken)
        event.listen(engine, "checkin", self._given)

    def _taken(self, *_: object) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def _given(self, *_: object) -> None:
        self.now -= 1


@pytest.fixture
def held(runtime: Runtime, house: House) -> Held:
    """What is in use from here on, in a clinic with a text to send and consents to chain."""
    house.ask()
    return Held(runtime.database.engine)


def test_a_worker_thread_uses_one_connection_at_a_time(
    held: Held, house: House, drain: Drain
) -> None:
    drain()
    assert (held.now, held.most) == (0, ONE_WORKER_THREAD)
    assert house.sent()


def test_a_job_uses_two_connections(held: Held, runtime: Runtime) -> None:
    for job in JOBS:
        run_job(runtime, job)
    assert (held.now, held.most) == (0, ONE_JOB)


def test_all_processes_together_stay_below_a_hundred_connections() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    most = {
        "web": defaults["database_pool"],
        "worker": defaults["worker_threads"] * ONE_WORKER_THREAD,
        "scheduler": SWEEP + len(JOBS) * ONE_JOB,
        "release": 1,
    }
    lines = PROCFILE.read_text().splitlines()
    kinds = [line.partition(":")[0].partition("_")[0] for line in lines]
    assert kinds.count("worker") == 3
    assert sum(most[kind] for kind in kinds) < ALLOWED
