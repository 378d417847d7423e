"""PF-8: what the server takes for a page in a crowded house, beside a small clinic alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bench.browser import Browser
from bench.crowd import EMAIL, PASSWORD, Crowd, fill
from bench.house import House, free_port
from bench.load import percentile
from bench.report import Bar, at_most, compare

_WARM_UP = 20
_LEADS = """
SELECT DISTINCT lead_id::text FROM communications JOIN clinics ON clinics.id = clinic_id
WHERE clinics.name = 'Clinic 0'
"""

Kind = Literal["board", "lead", "search"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEARCHES = ("bali", "como 561", "0001", "(202) 555 0777", "nobody")
"""The beginnings of names, the last digits of phones, a whole one, and what finds nobody."""


@dataclass(frozen=True)
class Scale:
    """The two houses, and how often a round asks for each page in each of them."""

    crowded: Crowd
    alone: Crowd
    samples: int


ALONE = Crowd(clinics=1, leads=1_000)
FULL = Scale(Crowd(clinics=50, leads=20_000), ALONE, 100)
SMALL = Scale(Crowd(clinics=3, leads=2_000), ALONE, 40)


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in to a clinic, and the leads he opens."""

    browser: Browser
    lead_ids: list[str]

    def took(self, kind: Kind) -> float:
        """Load a page and return the milliseconds that the server took for it."""
        if kind == "search":
            self.browser.post("/search", {"q": random.choice(SEARCHES)}, wanted=200)
        elif kind == "board":
            self.browser.get("/pipeline")
        else:
            self.browser.get(f"/leads/{random.choice(self.lead_ids)}")
        return self.browser.took_ms


def measure(house: House, scale: Scale, rounds: int) -> list[Bar]:
    """Measure each page in both houses, request by request in turns; bars are 95th percentiles."""
    crowded_leads = filled(house, "frontdesk_crowded", scale.crowded)
    alone_leads = filled(house, "frontdesk_alone", scale.alone)
    with (
        served(house, "frontdesk_crowded") as one,
        served(house, "frontdesk_alone") as other,
        Browser(one) as here,
        Browser(other) as there,
    ):
        here.sign_in(EMAIL, PASSWORD)
        there.sign_in(EMAIL, PASSWORD)
        crowded, alone = Visitor(here, crowded_leads), Visitor(there, alone_leads)
        return [_measure(kind, crowded, alone, scale.samples, rounds) for kind in KINDS]


def _measure(kind: Kind, crowded: Visitor, alone: Visitor, samples: int, rounds: int) -> Bar:
    _times(kind, crowded, alone, _WARM_UP)
    measured = [_times(kind, crowded, alone, samples) for _ in range(rounds)]
    return compare(
        f"PF-8 {kind}",
        "ms",
        [percentile(took, 95) for took, _ in measured],
        [percentile(took, 95) for _, took in measured],
        first=at_most(2),
        goal=at_most(1.2),
    )


def _times(
    kind: Kind, crowded: Visitor, alone: Visitor, samples: int
) -> tuple[list[float], list[float]]:
    pairs = [(crowded.took(kind), alone.took(kind)) for _ in range(samples)]
    return [took for took, _ in pairs], [took for _, took in pairs]


def filled(house: House, database: str, crowd: Crowd) -> list[str]:
    """Make and fill a database; return leads of its first clinic that wrote and were written to."""
    house.make_database(database)
    with house.runtime(database) as runtime, house.admin(database) as connection:
        fill(runtime, connection, crowd)
        return [str(row[0]) for row in connection.execute(_LEADS)]


@contextmanager
def served(house: House, database: str) -> Iterator[str]:
    """Serve a database from a web process of its own; yields its address."""
    own = replace(house, port=free_port(), folder=house.folder / database)
    own.folder.mkdir()
    with own.processes(["web"], own.environment(database)):
        yield own.base_url
