"""Fixtures: real servers, a migrated database a test, two clinics, a clock and a drain."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, make_url, text

from crm.accounts.actions import add_clinic
from crm.core import migrating
from crm.core.clock import Clock
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.core.work import count_due
from crm.runtime import build_runtime
from tests.support.servers import LOGIN, TestServers, in_memory, own_name, start_test_servers
from workers.broker import QUEUES

# A busy machine is slow now and then; that a test took long says nothing about what it tests.
hypothesis_settings.register_profile("no deadline", deadline=None)
hypothesis_settings.load_profile("no deadline")

pytest_plugins = ("tests.support.skips",)

TEMPLATE = own_name("frontdesk_template")
NEEDS_SERVERS = {"template_database", "shared_valkey"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what talks to PostgreSQL or Redis, so that it can be run against other ones."""
    for item in items:
        if NEEDS_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """A PostgreSQL and a Redis-protocol server of this test process's own."""
    with (
        TemporaryDirectory(prefix="frontdesk-tests-", dir=in_memory()) as folder,
        start_test_servers(Path(folder)) as started,
    ):
        yield started


@pytest.fixture(scope="session")
def template_database(servers: TestServers) -> Iterator[str]:
    """A migrated, empty database, owned by the migrating role; tests get copies of it."""
    engine = create_engine(servers.admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        servers.make_roles(connection)
        # One that was killed left it behind on a server that outlives it.
        connection.execute(text(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {TEMPLATE} OWNER {servers.owner}"))
        migrating.upgrade(servers.url(TEMPLATE, servers.owner), login=LOGIN)
    engine.dispose()
    yield TEMPLATE
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {TEMPLATE} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database_url(servers: TestServers, template_database: str) -> Iterator[str]:
    """The address of a fresh copy of the migrated database."""
    engine = create_engine(servers.admin_url, isolation_level="AUTOCOMMIT")
    name = own_name("frontdesk_test")
    copy = f"OWNER {servers.owner} TEMPLATE {template_database} STRATEGY file_copy"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} {copy}"))
    yield servers.url(name, LOGIN)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def owner_url(database_url: str, servers: TestServers) -> str:
    """The same database's address for who owns the tables, as a migration has it."""
    return servers.url(make_url(database_url).database or "", servers.owner)


@pytest.fixture
def settings(database_url: str, servers: TestServers, tmp_path: Path) -> Settings:
    """Settings as a demo on a laptop has them."""
    return Settings(
        _env_file=None,
        frontdesk_env="demo",
        frontdesk_data=tmp_path,
        database_url=database_url,
        redis_url=servers.redis_url,
        public_url="https://testserver",
        encryption_keys=[Fernet.generate_key().decode()],
        database_pool=8,
    )


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """The product, with a doorbell that rings nobody: `drain` does the work."""
    built = build_runtime(settings)
    yield built
    built.close()


@pytest.fixture
def clock(runtime: Runtime) -> Clock:
    """The clock's offset: `clock.advance(hours=2)`."""
    return runtime.clock


@pytest.fixture
def clinic(runtime: Runtime) -> UUID:
    """The id of a clinic in New York."""
    return add_clinic(runtime.database, name="Riverside Dental", timezone="America/New_York")


@pytest.fixture
def other_clinic(runtime: Runtime) -> UUID:
    """The id of a second clinic, which the first must never meet."""
    return add_clinic(runtime.database, name="Hillside Eyes", timezone="America/Los_Angeles")


@pytest.fixture
def uow(runtime: Runtime, clinic: UUID) -> Iterator[UnitOfWork]:
    """An open transaction of the clinic; committed when the test ends."""
    with runtime.database.transaction(clinic, SYSTEM) as opened:
        yield opened


@dataclass
class Drain:
    """Does whatever is due, inline, until nothing is: no threads, no sleeps."""

    runtime: Runtime

    def __call__(self, most: int = 50) -> int:
        """Return how many rows were done; fails if they never become quiet."""
        done = 0
        # What was just written is reserved for a ring that nobody hears here.
        self.runtime.clock.advance(seconds=6)
        for _ in range(most):
            claimed = sum(
                claim_and_perform(self.runtime, kind, queue=queue) for kind, queue in self._due()
            )
            if not claimed:
                return done
            done += claimed
            self.runtime.clock.advance(seconds=6)
        raise AssertionError(f"still not quiet after {most} rounds")

    def _due(self) -> list[tuple[str, str]]:
        """Return the kinds and queues of which something is due, as the sweep finds them."""
        consumers = list(self.runtime.subscriptions.by_name)
        with self.runtime.database.system() as system:
            return [
                (work.kind, queue)
                for work in self.runtime.work.values()
                for queue in QUEUES
                if count_due(system, work, queue, consumers)
            ]


@pytest.fixture
def drain(runtime: Runtime) -> Drain:
    """`drain()` delivers events, advances enrollments and sends until quiet."""
    return Drain(runtime)
