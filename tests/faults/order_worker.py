"""A worker and a scheduler with one more consumer, which writes down the order of what it sees.

It fails now and then, after it has written: what a failing chunk wrote must be gone with it.
"""

import os
import random
import sys
from collections.abc import Sequence

from sqlalchemy import Column, MetaData, Table, insert
from sqlalchemy.types import BigInteger, Uuid

from crm.core.events import Event, Subscriptions, consumes
from crm.core.logging import configure_logging
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.runtime import build_runtime, ring_redis
from pipelines.events import LeadStageChanged
from workers.broker import QUEUES
from workers.main import run_scheduler, run_worker

SEEN = Table(
    "seen_in_order",
    MetaData(),
    Column("clinic_id", Uuid),
    Column("lead_id", Uuid),
    Column("event_id", Uuid),
    Column("place", BigInteger),
)
"""`place` counts up as rows are written, so it tells the order in which events were consumed."""

CONSUMER = "tests.write_down"
PERCENT_FAILING = 5


class BadLuck(RuntimeError):
    """This chunk was meant to fail."""


@consumes(LeadStageChanged, name=CONSUMER)
def write_down(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Write down each event, then fail one chunk in twenty."""
    rows = [
        {"clinic_id": uow.clinic_id, "lead_id": event.lead_id, "event_id": event.id}
        for event in events
    ]
    for row in rows:
        uow.session.execute(insert(SEEN), [row])
    if random.uniform(0, 100) < PERCENT_FAILING:
        raise BadLuck


def with_consumer(runtime: Runtime) -> Runtime:
    """Let the runtime know the consumer, for its own events and for whoever else's."""
    everybody = [*runtime.subscriptions.by_name.values(), write_down]
    runtime.subscriptions = Subscriptions(everybody)
    runtime.database.subscriptions = runtime.subscriptions
    return runtime


def main() -> None:
    """Work, or with `scheduler` as the argument ring, until told to end.

    A scheduler rings only for consumers that it knows, too.
    """
    settings = Settings()
    configure_logging(settings.log_level)
    random.seed(os.getpid())
    runtime = with_consumer(build_runtime(settings, doorbell=ring_redis(settings)))
    if sys.argv[1:] == ["scheduler"]:
        run_scheduler(runtime, runtime.database.doorbell)
    else:
        run_worker(runtime, QUEUES)
