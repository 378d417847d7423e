"""One lead's events are consumed in their order, by four workers whose chunks fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from uuid import UUID

import psycopg
import pytest
from sqlmodel import col, select

from crm.contacts.actions import Person, match_or_create
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.runtime import build_runtime, ring_redis
from pipelines.actions import Move, NewLead, create_leads, move_leads
from pipelines.models import Stage
from tests.fakes.waiting import until
from tests.faults.conftest import Addresses, Tell
from tests.faults.order_worker import CONSUMER, with_consumer
from tests.faults.practice import Practice
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

LEADS = 20
WORKERS = 4
DONE_WITHIN_SECONDS = 180
TABLE = """
CREATE TABLE seen_in_order (clinic_id uuid, lead_id uuid, event_id uuid,
    place bigint GENERATED ALWAYS AS IDENTITY);
GRANT INSERT ON seen_in_order TO frontdesk_app
"""


@pytest.fixture
def runtime(practice: Practice, fresh_database: Addresses) -> Iterator[Runtime]:
    """A process that moves leads and knows of the consumer."""
    with psycopg.connect(fresh_database.admin.replace("+psycopg", "")) as connection:
        connection.execute(TABLE)
    given = {name.lower(): value for name, value in practice.environment.items()}
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type]
    built = with_consumer(build_runtime(settings, doorbell=ring_redis(settings)))
    yield built
    built.close()


def test_four_workers_whose_chunks_fail_keep_the_order(
    practice: Practice, runtime: Runtime, tell: Tell
) -> None:
    for number in range(WORKERS):
        practice.supervisor.start(f"worker_{number}", ["order-worker"])
    practice.supervisor.start("scheduler", ["order-worker", "scheduler"])
    leads = add_leads(runtime, practice.clinic_id)
    moves = PROFILE.ordered_events // LEADS
    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(lambda lead: move_around(runtime, practice.clinic_id, lead, moves), leads))

    def is_done() -> bool:
        waiting = "SELECT count(*) AS rows FROM deliveries WHERE consumer = %s AND dead_at IS NULL"
        return practice.records.rows(waiting, CONSUMER)[0]["rows"] == 0

    try:
        until(is_done, seconds=DONE_WITHIN_SECONDS, every=0.2)
    except AssertionError:
        left = practice.records.rows("SELECT * FROM deliveries ORDER BY seq LIMIT 20")
        lines = [str(row) for row in left]
        raise AssertionError("\n".join([*lines, practice.supervisor.last_words()])) from None
    seen, happened = seen_by_lead(practice), happened_by_lead(practice)
    assert seen == happened
    assert sum(len(events) for events in seen.values()) == LEADS * moves
    assert not practice.supervisor.broken
    tell(events=LEADS * moves, leads=LEADS, workers=WORKERS, failed_chunks=failures(practice))


def add_leads(runtime: Runtime, clinic_id: UUID) -> list[UUID]:
    """Return the ids of fresh leads, each of a person of its own."""
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        people = [Person(f"Pat {n}", f"+1212{3_000_000 + n}", None, "en") for n in range(LEADS)]
        contacts = match_or_create(uow, people)
        return [
            lead.id for lead in create_leads(uow, [NewLead(one.contact_id) for one in contacts])
        ]


def move_around(runtime: Runtime, clinic_id: UUID, lead_id: UUID, moves: int) -> None:
    """Move a lead to and fro between the open stages, one transaction a move."""
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        stages = open_stages(uow)
    for stage_id in islice(cycle(reversed(stages)), moves):
        with runtime.database.transaction(clinic_id, SYSTEM) as uow:
            move_leads(uow, [Move(lead_id, stage_id)])


def open_stages(uow: UnitOfWork) -> list[UUID]:
    """Return the open stages, the first one first."""
    statement = select(Stage.id).where(col(Stage.kind) == "open").order_by(col(Stage.position))
    return list(uow.session.scalars(statement))


def seen_by_lead(practice: Practice) -> dict[str, list[str]]:
    """Return each lead's events in the order in which the consumer saw them."""
    return by_lead(
        practice,
        "SELECT lead_id::text AS lead, event_id::text AS event FROM seen_in_order ORDER BY place",
    )


def happened_by_lead(practice: Practice) -> dict[str, list[str]]:
    """Return each lead's moves in the order in which they were committed."""
    return by_lead(
        practice,
        "SELECT lead_id::text AS lead, id::text AS event FROM events"
        " WHERE name = 'lead.stage_changed' ORDER BY seq",
    )


def by_lead(practice: Practice, statement: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in practice.records.rows(statement):
        found.setdefault(row["lead"], []).append(row["event"])
    return found


def failures(practice: Practice) -> int:
    """Return how many chunks of one failed, as the workers' logs tell."""
    logs = (practice.supervisor.log_of(name) for name in practice.supervisor.children)
    return sum(log.read_text().count('"BadLuck"') for log in logs)
