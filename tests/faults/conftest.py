"""A database and a clinic of each file's own; its processes are gone when the file is done."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import create_engine, text

from tests.faults.practice import Practice, open_practice
from tests.support.servers import LOGIN, TestServers, own_name

DATABASE = own_name("frontdesk_faults")
FIGURES: list[str] = []

Tell = Callable[..., None]
"""`tell(kills=30, seed=7)`: figures of a test, printed at the end of the run."""


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Keep figures of a test for the summary."""

    def keep(**figures: object) -> None:
        words = ", ".join(f"{name} {value}" for name, value in figures.items())
        FIGURES.append(f"{request.node.name}: {words.replace('_', ' ')}")

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of every test, passed or not."""
    if FIGURES:
        terminalreporter.section("faults")
        for line in FIGURES:
            terminalreporter.write_line(line)


@dataclass(frozen=True)
class Addresses:
    """Where a fresh database is, for the product and for its superuser."""

    login: str
    admin: str


@pytest.fixture(scope="module")
def fresh_database(servers: TestServers, template_database: str) -> Iterator[Addresses]:
    """A migrated, empty database."""
    engine = create_engine(servers.admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        copy = f"OWNER {servers.owner} TEMPLATE {template_database}"
        connection.execute(text(f"CREATE DATABASE {DATABASE} {copy}"))
    yield Addresses(servers.url(DATABASE, LOGIN), servers.url(DATABASE))
    engine.dispose()
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="module")
def practice(
    servers: TestServers, fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Practice]:
    """A clinic at noon, whose processes the tests start."""
    folder = tmp_path_factory.mktemp("practice")
    urls = fresh_database.login, fresh_database.admin, servers.redis_url
    with open_practice(folder, *urls) as opened:
        yield opened
