"""PF-9: a staff reply until the provider reads it, while another clinic has many texts due."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic_ns
from uuid import UUID

from bench.house import ZONE, House, until
from bench.load import percentile
from bench.report import Bar, at_most, compare
from bench.seeding import (
    TOKEN,
    account_sid,
    add_leads,
    enroll,
    follow_up,
    furnish,
    without_consumers,
)
from bench.steps import LEDGER, RELEASE, Lines, ring
from crm.accounts.actions import add_clinic
from crm.core.ids import new_id
from crm.core.principal import SYSTEM, Principal
from crm.core.runtime import Runtime
from crm.messaging.actions.staff import send_staff_text
from tests.fakes.provider import ProviderStandIn
from tests.fakes.provider_ledger import Asked

KINDS = ["worker_urgent", "worker_default", "worker_bulk", "scheduler"]
TEMPLATE = "frontdesk_replies"
_WAIT_S = (0.25, 0.75)
_WARM_UP = 5
_BATCH = 2_000
_PATIENCE_S = 120.0
_SOMEBODY = Principal("user", new_id())
_OURS = account_sid(0).encode()


@dataclass(frozen=True)
class Scale:
    """How many replies a round measures, idle and busy, and how many texts are due meanwhile."""

    samples: int
    due: int


FULL = Scale(60, 100_000)
SMALL = Scale(15, 20_000)


@dataclass(frozen=True)
class Desk:
    """The clinic that answers its patients: one lead for each reply."""

    clinic_id: UUID
    lead_ids: list[UUID]
    contact_ids: list[UUID]


def measure(house: House, scale: Scale, rounds: int) -> list[Bar]:
    """Measure replies on an idle system, and at once on the same one while it is busy."""
    desk = _seed(house, scale)
    with ProviderStandIn(ledger=house.folder / LEDGER) as provider:
        provider.configure(accounts={account_sid(number): TOKEN for number in range(2)})
        pairs = [_round(house, desk, scale, provider) for _ in range(rounds)]
    busy, idle = [each for _, each in pairs], [each for each, _ in pairs]
    return [compare("PF-9", "ms p99", busy, idle, first=at_most(10), goal=at_most(3))]


def _seed(house: House, scale: Scale) -> Desk:
    house.make_database(TEMPLATE)
    replies = _WARM_UP + 2 * scale.samples
    with house.runtime(TEMPLATE) as runtime:
        desk_id = add_clinic(runtime.database, name="Riverside Dental", timezone=ZONE)
        other_id = add_clinic(runtime.database, name="Hilltop Dental", timezone=ZONE)
        quiet = without_consumers(runtime)
        with quiet.transaction(desk_id, SYSTEM) as uow:
            furnish(uow, 0, follow_up())
            leads = add_leads(uow, 0, replies)
        with quiet.transaction(other_id, SYSTEM) as uow:
            automation = furnish(uow, 1, follow_up())
        for first in range(0, scale.due, _BATCH):
            with quiet.transaction(other_id, SYSTEM) as uow:
                enroll(uow, automation, replies + first, _BATCH)
    with house.admin(TEMPLATE) as connection:
        # The clinic's own brake would end the round: so many texts a day it does not allow.
        connection.execute("UPDATE clinics SET clinic_daily_cap = 1000000")
        connection.execute("VACUUM ANALYZE")
    return Desk(desk_id, [lead.id for lead in leads], [lead.contact_id for lead in leads])


def _round(
    house: House, desk: Desk, scale: Scale, provider: ProviderStandIn
) -> tuple[float, float]:
    """Return the p99 of the replies in milliseconds, idle and busy."""
    ledger = house.folder / LEDGER
    with house.copy_of(TEMPLATE) as database:
        environment = house.environment(database, TWILIO_API_URL=provider.url)
        with house.processes(KINDS, environment), house.runtime(database) as runtime:
            replies = _Replies(runtime, desk, ledger, ledger.stat().st_size)
            replies.measure(_WARM_UP)
            idle = replies.measure(scale.samples)
            with _busy(house, database, runtime, scale.due):
                busy = replies.measure(scale.samples)
    return percentile(idle, 99), percentile(busy, 99)


@contextmanager
def _busy(house: House, database: str, runtime: Runtime, due: int) -> Iterator[None]:
    """Let the other clinic's texts be due, and see that some still were at the end."""
    others = Lines(house.folder / LEDGER)
    with house.admin(database) as connection:
        connection.execute(RELEASE, [runtime.clock.offset, False])
    ring(runtime)
    until(lambda: others.count() > 0, "no text of the many left", _PATIENCE_S)
    yield
    if others.count() >= due:
        raise RuntimeError("All that was due was done before the last reply.")


@dataclass
class _Replies:
    """Sends replies of the desk, each to another patient; knows how long each took."""

    runtime: Runtime
    desk: Desk
    ledger: Path
    place: int
    number: int = 0
    asked: list[Asked] = field(default_factory=list)

    def measure(self, count: int) -> list[float]:
        """Send so many, one after another; return the milliseconds of each."""
        return [self._reply() for _ in range(count)]

    def _reply(self) -> float:
        Event().wait(random.uniform(*_WAIT_S))
        begun = monotonic_ns()
        with self.runtime.database.transaction(self.desk.clinic_id, _SOMEBODY) as uow:
            send_staff_text(
                uow,
                body="Tuesday at three?",
                key=str(self.number),
                contact_id=self.desk.contact_ids[self.number],
                lead_id=self.desk.lead_ids[self.number],
            )
        self.number += 1
        until(self._has_left, "a reply did not leave", _PATIENCE_S)
        return (self.asked[-1].begun_ns - begun) / 1e6

    def _has_left(self) -> bool:
        self.asked.extend(self._news())
        return len(self.asked) == self.number

    def _news(self) -> Iterator[Asked]:
        """Yield what the desk's account was asked to send since the last look."""
        with self.ledger.open("rb") as file:
            file.seek(self.place)
            added = file.read()
        self.place += added.rfind(b"\n") + 1
        for line in added.split(b"\n")[:-1]:
            if _OURS in line:
                yield Asked(*json.loads(line)[1:])
