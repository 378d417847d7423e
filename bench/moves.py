"""PF-6: a stage change by HTTP until the provider reads the text that it starts; idle system."""

import random
from dataclasses import dataclass
from threading import Event
from uuid import UUID

from bench.browser import Browser
from bench.house import ZONE, House, until
from bench.load import percentile
from bench.report import Bar, at_most, compare, interleave
from bench.seeding import (
    STAGES,
    TOKEN,
    account_sid,
    add_leads,
    furnish,
    patient_phone,
    without_consumers,
)
from bench.yardsticks import commit_and_hop
from crm.accounts import cli as accounts
from crm.accounts.actions import add_clinic
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from pipelines.queries import pipelines, stages
from tests.fakes.provider import ProviderStandIn

KINDS = ["web", "worker_urgent", "worker_default", "worker_bulk", "scheduler"]
TEMPLATE = "frontdesk_moves"
_EMAIL, _PASSWORD = "desk@riverside.example", "a-long-password-of-the-bench"
_WAIT_S = (0.5, 1.5)
_WARM_UP = 5


@dataclass(frozen=True)
class Scale:
    """How many moves a round makes, one after another."""

    samples: int


FULL = Scale(30)
SMALL = Scale(10)


@dataclass(frozen=True)
class Clinic:
    """What the browser needs to know: the leads to move, and where to."""

    lead_ids: list[UUID]
    stage_id: UUID


def measure(house: House, scale: Scale, rounds: int) -> list[Bar]:
    """Measure moves and the stock hop in turns; p50 and p99 are both against the hop's p50."""
    with ProviderStandIn() as provider:
        clinic = _seed(house, _WARM_UP + scale.samples)
        values, yardsticks = interleave(
            rounds,
            lambda: _product(house, clinic, provider),
            lambda: _stock(house, provider, scale.samples),
        )
    p50 = compare(
        "PF-6 p50",
        "ms",
        [median for median, _ in values],
        yardsticks,
        first=at_most(1 / 4),
        goal=at_most(1 / 15),
    )
    worst = [high for _, high in values]
    p99 = compare("PF-6 p99", "ms", worst, yardsticks, first=at_most(1), goal=at_most(1 / 6))
    return [p50, p99]


def _stock(house: House, provider: ProviderStandIn, samples: int) -> float:
    provider.configure(**provider.behaviour_at_start())
    hop = commit_and_hop.measure(house.admin_url, house.redis_url, provider, samples=samples)
    return hop.p50_ms


def _seed(house: House, leads: int) -> Clinic:
    house.make_database(TEMPLATE)
    sequence = {
        "name": "Contacted",
        "trigger": {"kind": "stage_entered", "stage": STAGES[1][0]},
        "steps": [{"kind": "send_text", "template": "Follow-up"}],
    }
    with house.runtime(TEMPLATE) as runtime:
        clinic_id = add_clinic(runtime.database, name="Riverside Dental", timezone=ZONE)
        with without_consumers(runtime).transaction(clinic_id, SYSTEM) as uow:
            furnish(uow, 0, sequence)
            lead_ids = [lead.id for lead in add_leads(uow, 0, leads)]
            [pipeline] = pipelines(uow)
            stage_id = stages(uow, pipeline.id)[1].id
        _add_user(runtime, clinic_id)
    return Clinic(lead_ids, stage_id)


def _add_user(runtime: Runtime, clinic_id: UUID) -> None:
    accounts.user_add(
        runtime.database,
        clinic_id=clinic_id,
        email=_EMAIL,
        name="Front desk",
        role="front_desk",
        password=_PASSWORD,
    )


def _product(house: House, clinic: Clinic, provider: ProviderStandIn) -> tuple[float, float]:
    """Return the p50 and the p99 of the moves, in milliseconds."""
    provider.configure(accounts={account_sid(0): TOKEN})
    with house.copy_of(TEMPLATE) as database:
        environment = house.environment(database, TWILIO_API_URL=provider.url)
        with house.processes(KINDS, environment), Browser(house.base_url) as browser:
            browser.sign_in(_EMAIL, _PASSWORD)
            latencies = [
                _move(browser, clinic, number, provider) for number in range(len(clinic.lead_ids))
            ]
    measured = latencies[_WARM_UP:]
    return percentile(measured, 50), percentile(measured, 99)


def _move(browser: Browser, clinic: Clinic, number: int, provider: ProviderStandIn) -> float:
    """Move one lead once all is quiet; return the milliseconds until the provider was asked."""
    Event().wait(random.uniform(*_WAIT_S))
    before = len(provider.ledger())
    path = f"/leads/{clinic.lead_ids[number]}/move"
    browser.post(path, {"to_stage_id": str(clinic.stage_id)})
    until(lambda: len(provider.ledger()) > before, "the text of a move did not leave")
    [asked] = provider.ledger()[before:]
    if asked.to != patient_phone(number):
        raise RuntimeError("The text of another lead came.")
    return (asked.begun_ns - browser.sent_ns) / 1e6
