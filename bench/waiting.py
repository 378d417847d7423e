"""PF-7: claiming and rescheduling what is due, among few and among millions who wait.

Those who wait entered one after another, as people do, and their waits of one and of three parts
are mixed. `PF-7 scattered` is the worst case beside it: nothing that is due lies near another.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from automations.runner import ENROLLMENTS
from bench.house import House
from bench.report import Bar, Limit, at_most, compare, interleave
from crm.core.floors import Floors
from crm.core.runtime import Runtime
from crm.core.work import claim

CHUNK = 500
FEW = 10_000
_TICK_S = 10.0
_LEASE = timedelta(minutes=1)
_WARM_UP = 5
_UNIT = "ms"


@dataclass(frozen=True)
class Scale:
    """How many wait, how many scattered ones, and how many chunks a round claims."""

    many: int
    scattered: int
    chunks: int


FULL = Scale(5_000_000, 500_000, 20)
SMALL = Scale(500_000, 100_000, 10)


def measure(house: House, scale: Scale, rounds: int) -> list[Bar]:
    """Measure chunks among few and among many in turns, also with a snapshot held open."""
    with ExitStack() as stack:
        few, many, few_scattered, scattered = (
            stack.enter_context(_waiting(house, count, is_scattered=is_scattered))
            for count, is_scattered in (
                (FEW, False),
                (scale.many, False),
                (FEW, True),
                (scale.scattered, True),
            )
        )
        bars = [
            _pair("PF-7", few, many, scale, rounds, at_most(1.15)),
            _pair("PF-7 scattered", few_scattered, scattered, scale, rounds, at_most(1.15)),
        ]
        unhindered = [few.chunks(scale.chunks) for _ in range(rounds)]
        for one in (few, many):
            stack.enter_context(snapshot(house, one.database))
        held = [many.chunks(scale.chunks) for _ in range(rounds)]
    bars.insert(1, _bar("PF-7 snapshot", held, unhindered, at_most(1.3)))
    return bars


def _pair(
    name: str, few: "Waiting", many: "Waiting", scale: Scale, rounds: int, goal: Limit
) -> Bar:
    values, beside = interleave(
        rounds, lambda: many.chunks(scale.chunks), lambda: few.chunks(scale.chunks)
    )
    return _bar(name, values, beside, goal)


def _bar(name: str, values: list[float], beside: list[float], goal: Limit) -> Bar:
    return compare(name, _UNIT, values, beside, first=at_most(2), goal=goal)


@dataclass
class Waiting:
    """A database in which so many wait; its clock is moved on chunk by chunk."""

    runtime: Runtime
    database: str
    count: int
    is_scattered: bool
    now: datetime
    dice: random.Random

    @property
    def longest(self) -> float:
        """Seconds of the longest wait, so that a chunk becomes due each tick."""
        return self.count / CHUNK * _TICK_S

    def chunks(self, number: int) -> float:
        """Return the mean milliseconds per 500 of claiming and rescheduling so many chunks.

        The mean, not the median: a look from the bottom now and then is part of the price.
        """
        done, seconds = 0, 0.0
        for _ in range(number):
            rows, took = self.chunk()
            done, seconds = done + rows, seconds + took
        return seconds * 1000 / (done / CHUNK)

    def chunk(self) -> tuple[int, float]:
        """Move the clock on by a tick, claim what is due and put it off: rows, seconds."""
        self.now += timedelta(seconds=_TICK_S)
        begun = time.perf_counter()
        with self.runtime.database.system() as system:
            system.now = self.now
            claims = claim(system, ENROLLMENTS, lease=_LEASE, limit=CHUNK)
        pairs = [(each.clinic_id, row_id) for each in claims for row_id in each.ids]
        values = {
            "clinics": [clinic_id for clinic_id, _ in pairs],
            "ids": [row_id for _, row_id in pairs],
            "due": [self._next_due() for _ in pairs],
            "token": claims[0].token,
        }
        with self.runtime.database.system() as system:
            written: Any = system.session.execute(_RESCHEDULE, values)
        seconds = time.perf_counter() - begun
        if written.rowcount != len(pairs):
            raise RuntimeError("A claimed row was lost.")
        return len(pairs), seconds

    def _next_due(self) -> datetime:
        share = self.dice.random() if self.is_scattered else self.dice.choice((1 / 3, 1.0, 1.0))
        return self.now + timedelta(seconds=share * self.longest + self.dice.random() * _TICK_S)


# As the runner writes positions: one statement for a chunk, one array a column.
_RESCHEDULE = text("""
UPDATE enrollments t SET step = t.step + 1, occurrence = t.occurrence + 1, awaits = NULL,
    due_at = p.due_at, lease_until = NULL, lease_token = NULL, attempts = 0, last_error = NULL
FROM unnest(CAST(:clinics AS uuid[]), CAST(:ids AS uuid[]), CAST(:due AS timestamptz[]))
    AS p(clinic_id, id, due_at)
WHERE t.clinic_id = p.clinic_id AND t.id = p.id AND t.lease_token = :token
""")


@contextmanager
def _waiting(house: House, count: int, *, is_scattered: bool) -> Iterator[Waiting]:
    database = f"frontdesk_waiting_{count}{'_scattered' if is_scattered else ''}"
    house.make_database(database)
    _fill(house, database, count, is_scattered)
    with house.runtime(database) as runtime:
        runtime.database.floors = Floors()
        with runtime.database.system() as system:
            now = system.session.execute(text("SELECT min(due_at) FROM enrollments")).scalar_one()
        made = Waiting(runtime, database, count, is_scattered, now, random.Random(count))
        made.chunks(_WARM_UP)
        yield made


_CLINICS = """
CREATE TEMP TABLE many AS SELECT n, uuidv7() AS id, uuidv7() AS automation_id,
    uuidv7() AS version_id FROM generate_series(0, 19) n
"""
_SHARE = "(CASE WHEN n % 5 = 0 AND n * 3 > 2 * {count} THEN {longest} / 3 ELSE {longest} END)"
_ROWS = """
INSERT INTO enrollments (due_at, attempts, queue, clinic_id, id, automation_id, version_id,
    contact_id, lead_id, subject_kind, subject_id, state, step, occurrence, cause, entered_at)
SELECT now() + due * interval '1 s', 0, 'default', many.id, uuidv7(entered), many.automation_id,
    many.version_id, uuidv7(entered), lead_id, 'lead', lead_id, 'live', 1, 1, '[]', now() + entered
FROM (
    SELECT n, at * interval '1 s' AS entered, uuidv7(at * interval '1 s') AS lead_id, {due} AS due
    FROM (SELECT n, {longest} * (n::float8 / {count} - 1) AS at
          FROM generate_series(1, {count}) n) entering
) entered JOIN many ON many.n = entered.n % 20
"""


def _fill(house: House, database: str, count: int, is_scattered: bool) -> None:
    """Insert those who wait, set-based; the references of these rows are nobody's business here."""
    longest = count / CHUNK * _TICK_S
    share = _SHARE.format(count=count, longest=longest)
    due = f"{longest} * random()" if is_scattered else f"at + {share} + {_TICK_S} * random()"
    with house.admin(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(_CLINICS)
        with _without_indexes(connection.execute):
            rows = _ROWS.format(count=count, longest=longest, due=due)
            connection.execute(rows.encode())
        connection.execute("VACUUM ANALYZE enrollments")
        connection.execute("CHECKPOINT")


@contextmanager
def _without_indexes(execute: Callable[..., Any]) -> Iterator[None]:
    """Take the table's indexes away while it is filled; they are built in a tenth of the time."""
    known = execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'enrollments'"
        " AND indexname <> 'pk_enrollments'"
    ).fetchall()
    execute("ALTER TABLE enrollments DROP CONSTRAINT pk_enrollments")
    for name, _ in known:
        execute(f"DROP INDEX {name}")
    yield
    execute("ALTER TABLE enrollments ADD CONSTRAINT pk_enrollments PRIMARY KEY (clinic_id, id)")
    for _, definition in known:
        execute(definition)


@contextmanager
def snapshot(house: House, database: str) -> Iterator[None]:
    """Hold a snapshot of a database open, as a backup does."""
    with house.admin(database) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM clinics")
        yield
        connection.execute("ROLLBACK")
