"""The product under test: a clinic with a number, an email address, sequences, and processes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import redis
from cryptography.fernet import Fernet

from automations.seeds import NEW_REQUEST, seed_automations
from automations.sequences import load_automation
from crm.accounts.actions import add_clinic
from crm.accounts.actions.api_keys import create_key
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.messaging.actions import add_template
from crm.messaging.actions.connect import connect_twilio
from crm.messaging.actions.connect_email import connect_sendgrid, save_postal_address
from crm.messaging.settling import settle_by_hand
from crm.runtime import build_runtime
from pipelines.actions import add_pipeline
from tests.fakes.provider import ProviderStandIn
from tests.fakes.waiting import until
from tests.faults.clients import Clients, Person
from tests.faults.processes import command_of, free_port
from tests.faults.records import Records
from tests.faults.supervisor import Supervisor

ZONE = "America/New_York"
NUMBER = "+12125550101"
STAGES = (("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost"))
SENDER = "hello@riverside.example"
BY_EMAIL = "New request: by email"
EMAIL_STEP = {"kind": "send_email", "template": BY_EMAIL}
FIRST_TEXT, *LATER_STEPS = NEW_REQUEST["steps"]
FOLLOW_UP = {**NEW_REQUEST, "steps": [FIRST_TEXT, EMAIL_STEP, *LATER_STEPS]}
"""A text at once, and an email as soon as one knows what became of the text."""

LEASE_SECONDS = 2
CALL_SECONDS = 12
"""When a call without an answer is unconfirmed: no call takes longer than 10 s."""

ASK_AFTER_SECONDS = 5
WORKERS = ("worker_a", "worker_b")


@dataclass
class Practice:
    """A clinic, its provider, its servers and its running processes."""

    clinic_id: UUID
    api_key: str
    port: int
    environment: dict[str, str]
    provider: ProviderStandIn
    supervisor: Supervisor
    records: Records
    _next: int = field(default=0)

    def people(self, count: int) -> list[Person]:
        """Return that many people who have never asked for anything."""
        self._next += count
        return [Person(number) for number in range(self._next - count, self._next)]

    def clients(self) -> Clients:
        """Return clients of this clinic's web process."""
        return Clients(self.port, self.api_key)

    def start(self, *, workers: Sequence[str] = WORKERS, **environment: str) -> None:
        """Start every process of the Procfile, and a second worker; return once the web serves."""
        self.start_web(**environment)
        for name in workers:
            self.start_worker(name, **environment)
        self.start_scheduler("scheduler", **environment)
        until(self.serves, seconds=180, what="the web process does not serve")

    def start_web(self, **environment: str) -> None:
        """Start the web process."""
        self.supervisor.start("web", command_of("web", self.port), **environment)

    def start_worker(self, name: str, **environment: str) -> None:
        """Start a worker for all queues."""
        command = ["frontdesk", "worker", "--queues", "urgent,default,bulk"]
        self.supervisor.start(name, command, **environment)

    def start_scheduler(self, name: str, **environment: str) -> None:
        """Start a scheduler."""
        self.supervisor.start(name, command_of("scheduler", self.port), **environment)

    def serves(self) -> bool:
        """Say whether the web process answers."""
        with self.clients() as clients:
            return clients.get("/healthz") == 200

    def publish(self, definition: Mapping[str, Any]) -> None:
        """Publish a sequence; whoever enters from now on takes its steps."""
        with (
            _opened(self.environment) as runtime,
            runtime.database.transaction(self.clinic_id, SYSTEM) as uow,
        ):
            load_automation(uow, definition)

    def jump_to(self, offset: timedelta) -> None:
        """Let the clock of everybody stand elsewhere from now on; each process starts anew."""
        self.records.offset = offset
        for environment in (self.environment, self.supervisor.environment):
            environment["CLOCK_OFFSET"] = duration(offset)
        for name in self.supervisor.children:
            self.supervisor.restart(name)

    def tell(self, was_sent: Mapping[str, bool]) -> None:
        """Answer as a person does what became of texts and emails, by their ids."""
        with (
            _opened(self.environment) as runtime,
            runtime.database.transaction(self.clinic_id, SYSTEM) as uow,
        ):
            for communication_id, was in was_sent.items():
                settle_by_hand(uow, UUID(communication_id), was_sent=was)

    def flush_redis(self) -> None:
        """Wipe Redis while everything runs."""
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            client.flushall()


@contextmanager
def open_practice(
    folder: Path, database_url: str, admin_url: str, redis_url: str, *, hour: int = 12
) -> Iterator[Practice]:
    """Make a clinic where it is `hour` o'clock now, with a provider; no process runs yet."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    environment = _environment(folder, database_url, redis_url, offset_to(hour))
    # As patient as a real provider: a web process that dies again and again is told in the end.
    with ProviderStandIn(callbacks=True, callback_retries=100) as provider:
        environment |= {"TWILIO_API_URL": provider.url, "SENDGRID_API_URL": provider.url}
        clinic_id, api_key = _furnish(environment, provider)
        with (
            Records(admin_url, offset_to(hour)) as records,
            Supervisor(folder, environment) as supervisor,
        ):
            port = int(environment["PORT"])
            yield Practice(clinic_id, api_key, port, environment, provider, supervisor, records)


def offset_to(hour: int, minute: int = 0) -> timedelta:
    """Return what to add to now so that it is this time of the day at the clinic."""
    now = datetime.now(UTC).astimezone(ZoneInfo(ZONE))  # noqa: TID251 - no database yet
    wanted = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return timedelta(seconds=round((wanted - now).total_seconds()))


def duration(span: timedelta) -> str:
    """Return a span as the settings read it (ISO 8601)."""
    return f"{'-' if span < timedelta() else ''}PT{abs(span).total_seconds():.0f}S"


def _environment(
    folder: Path, database_url: str, redis_url: str, offset: timedelta
) -> dict[str, str]:
    port = free_port()
    return {
        "FRONTDESK_ENV": "demo",
        "FRONTDESK_DATA": str(folder),
        "DATABASE_URL": database_url,
        "DATABASE_POOL": "12",
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "LOG_LEVEL": "WARNING",
        "CLOCK_OFFSET": duration(offset),
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "HEARTBEAT_SECONDS": str(LEASE_SECONDS),
        "UNCONFIRMED_AFTER": str(CALL_SECONDS),
        "UNCONFIRMED_ASK_AFTER": str(ASK_AFTER_SECONDS),
    }


@contextmanager
def _opened(environment: Mapping[str, str]) -> Iterator[Runtime]:
    given = {name.lower(): value for name, value in environment.items()}
    runtime = build_runtime(Settings(_env_file=None, **given))  # type: ignore[arg-type]
    yield runtime
    runtime.close()


def _furnish(environment: dict[str, str], provider: ProviderStandIn) -> tuple[UUID, str]:
    with _opened(environment) as runtime:
        clinic_id = add_clinic(runtime.database, name="Riverside Dental", timezone=ZONE)
        with runtime.database.transaction(clinic_id, SYSTEM) as uow:
            add_pipeline(uow, "New patients", STAGES, is_default=True)
            connect_twilio(uow, provider.account_sid, provider.auth_token, NUMBER)
            connect_sendgrid(uow, provider.api_key, SENDER)
            save_postal_address(uow, "1 Main Street\nNew York, NY 10001")
            seed_automations(uow)
            add_template(
                uow,
                BY_EMAIL,
                {"en": "Hi {{ first_name | default: 'there' }}, we got your request."},
                subjects={"en": "Your request"},
            )
            load_automation(uow, FOLLOW_UP)
            return clinic_id, create_key(uow, "Website", ["requests:write"]).raw
