"""PF-1, PF-2, PF-3: due follow-up texts end to end, from their release to the provider's ledger.

PF-3 is the same with a provider that takes 50 ms: then as many requests are under way as the
product's settings allow.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.house import House, until
from bench.report import Bar, at_least, compare, interleave
from bench.seeding import Waiting, seed_waiting
from bench.yardsticks import noop_actors, stock_design
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from tests.fakes.provider import ProviderStandIn

WORKERS = ["worker_default", "worker_default", "scheduler"]
_RINGS = 4
_SLOW_MS = 50.0
_PATIENCE_S = 300.0
LEDGER = "ledger.jsonl"
RELEASE = """
UPDATE enrollments SET due_at = now() + %s WHERE state = 'live' AND step = 1
AND clinic_id IN (SELECT id FROM clinics WHERE (name LIKE 'Warm-up%%') = %s)
"""
_BUSY = """
SELECT (SELECT count(*) FROM enrollments WHERE due_at <= now() + %s + interval '1 h')
    + (SELECT count(*) FROM deliveries)
"""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    shapes: tuple[Waiting, ...]
    messages: int
    stock_steps: int


FULL = Scale((Waiting(20, 1_000), Waiting(2_000, 10)), 10_000, 1_000)
SMALL = Scale((Waiting(20, 100), Waiting(200, 10)), 4_000, 300)


def measure(house: House, wanted: set[str], scale: Scale, rounds: int) -> list[Bar]:
    """Measure the shapes and the yardsticks in turns; returns a bar for each shape."""
    with ProviderStandIn(ledger=house.folder / LEDGER) as provider:
        for shape in scale.shapes:
            _seed(house, shape)
        delays = (0.0, _SLOW_MS) if "PF-3" in wanted else (0.0,)
        measures = [
            lambda shape=shape, delay=delay: _shape(house, shape, provider, delay)
            for delay in delays
            for shape in scale.shapes
        ]
        yardsticks = {
            "PF-1": lambda: noop_actors.measure(house.redis_url, messages=scale.messages).rate,
            "PF-2": lambda: _stock(house, scale, provider),
        }
        ids = [name for name in yardsticks if name in wanted]
        results = interleave(rounds, *measures, *(yardsticks[name] for name in ids))
    rates, slow, beside = _split(results, len(scale.shapes), len(delays))
    bars = [
        _bar(name, shape, values, yardstick)
        for name, yardstick in zip(ids, beside, strict=True)
        for shape, values in zip(scale.shapes, rates, strict=True)
    ]
    return bars + [
        _bar("PF-3", shape, values, [min(rate, _most_when_slow()) for rate in at_once])
        for shape, values, at_once in zip(scale.shapes, slow, rates, strict=False)
    ]


def _split(
    results: list[list[float]], shapes: int, delays: int
) -> tuple[list[list[float]], list[list[float]], list[list[float]]]:
    """Return the rates of the shapes, those with a slow provider, and those of the yardsticks."""
    return results[:shapes], results[shapes : shapes * delays], results[shapes * delays :]


def _most_when_slow() -> float:
    """Return what the connections of the workers carry by default, N / 50 ms, a second."""
    settings = {
        name: Settings.model_fields[name].default for name in ("in_flight", "worker_threads")
    }
    connections = (
        WORKERS.count("worker_default") * settings["worker_threads"] * settings["in_flight"]
    )
    return float(connections * 1000 / _SLOW_MS)


def _bar(name: str, shape: Waiting, values: list[float], yardstick: list[float]) -> Bar:
    first, goal = {"PF-1": (0.25, 1.0), "PF-2": (6, 25), "PF-3": (0.4, 0.8)}[name]
    unit = f"steps/s, {shape.clinics} x {shape.each}"
    return compare(name, unit, values, yardstick, first=at_least(first), goal=at_least(goal))


def _template(shape: Waiting) -> str:
    return f"frontdesk_steps_{shape.clinics}"


def _seed(house: House, shape: Waiting) -> None:
    house.make_database(_template(shape))
    with house.runtime(_template(shape)) as runtime:
        seed_waiting(runtime, shape)
    with house.admin(_template(shape)) as connection:
        connection.execute("VACUUM ANALYZE")


def _stock(house: House, scale: Scale, provider: ProviderStandIn) -> float:
    provider.configure(**provider.behaviour_at_start())
    steps = scale.stock_steps
    return stock_design.measure(house.admin_url, house.redis_url, provider, steps=steps).rate


def _shape(house: House, shape: Waiting, provider: ProviderStandIn, delay_ms: float) -> float:
    provider.configure(accounts=shape.accounts(), latency_ms=delay_ms)
    with house.copy_of(_template(shape)) as database:
        environment = house.environment(database, TWILIO_API_URL=provider.url)
        with house.processes(WORKERS, environment), house.runtime(database) as runtime:
            run = _Run(house, runtime, database, Lines(house.folder / LEDGER))
            run.release(warm_up=True)
            run.await_texts(shape.warm_up_steps)
            run.await_quiet()
            begun = run.release()
            run.await_texts(shape.warm_up_steps + shape.steps)
    texts = provider.ledger()[-shape.steps :]
    if len({(each.account_sid, each.to) for each in texts}) != shape.steps:
        raise RuntimeError("A text came twice.")
    return shape.steps / ((max(each.received_ns for each in texts) - begun) / 1e9)


@dataclass
class _Run:
    """One run of the product on its own copy of the database."""

    house: House
    runtime: Runtime
    database: str
    texts: "Lines"

    def release(self, *, warm_up: bool = False) -> int:
        """Make waiting steps due now, and ring as whoever makes a row due does.

        Returns the machine's monotonic clock just before the commit, in nanoseconds.
        """
        with self.house.admin(self.database) as connection, connection.transaction():
            connection.execute(RELEASE, [self.runtime.clock.offset, warm_up])
            begun = time.monotonic_ns()
        ring(self.runtime)
        return begun

    def await_texts(self, count: int) -> None:
        """Return once the provider has that many texts of this run."""
        complaint = f"only {self.texts.count()} of {count} texts reached the provider"
        until(lambda: self.texts.count() >= count, complaint, _PATIENCE_S)

    def await_quiet(self) -> None:
        """Return once nothing is due or under way any more."""
        with self.house.admin(self.database) as connection:

            def is_quiet() -> bool:
                row = connection.execute(_BUSY, [self.runtime.clock.offset]).fetchone()
                return row == (0,)

            until(is_quiet, "the warm-up does not end", _PATIENCE_S)
            # As autovacuum does within a minute: tables that were empty have rows now.
            connection.execute("VACUUM ANALYZE")


def ring(runtime: Runtime) -> None:
    """Ring for enrollments that were made due, as whoever does so in the product."""
    for _ in range(_RINGS):
        runtime.database.doorbell.ring("enrollments", [], "default")


class Lines:
    """Counts the lines that a growing file gained since this was made, reading each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = path.stat().st_size
        self._lines = 0

    def count(self) -> int:
        """Return how many lines were added."""
        with self._path.open("rb") as file:
            file.seek(self._place)
            added = file.read()
        self._place += len(added)
        self._lines += added.count(b"\n")
        return self._lines
