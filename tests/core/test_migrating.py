"""Migrating while others work: nobody waits for it, and it says when it had to give up."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from crm.core import migrating
from crm.core.models import metadata
from tests.support.servers import TestServers, own_name


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that needs a lock that somebody holds gives up soon."""
    monkeypatch.setattr(migrating, "_LOCK_TIMEOUT", "50ms")


@pytest.fixture
def empty_database(servers: TestServers, template_database: str) -> Iterator[str]:
    """The address of a database without a schema."""
    name = own_name("frontdesk_empty")
    migrating.make_database(servers.admin_url, name, servers.owner)
    yield servers.url(name, servers.owner)
    admin = create_engine(servers.admin_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def opened(url: str) -> tuple[Engine, Connection]:
    engine = create_engine(url)
    return engine, engine.connect()


def tables(connection: Connection) -> dict[str, tuple[object, ...]]:
    """Return the state of each table: whatever rewrites or alters one changes it."""
    of_tables = text(
        "SELECT relname, relfilenode, xmin FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
    )
    return {name: tuple(state) for name, *state in connection.execute(of_tables)}


def test_a_current_database_is_left_alone_while_others_write(owner_url: str) -> None:
    engine, writer = opened(owner_url)
    with writer:
        before = tables(writer)
        # What a writer holds of a table; every lock that changes one would wait for it.
        names = ", ".join(sorted(metadata.tables))
        writer.execute(text(f"LOCK TABLE {names}, alembic_version IN ROW EXCLUSIVE MODE"))

        migrating.upgrade(owner_url)

        assert tables(writer) == before
        held = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert writer.scalar(held) == 0
        assert migrating.is_current(writer)
    engine.dispose()


def test_a_migration_without_its_lock_gives_up_and_keeps_nothing(
    empty_database: str, servers: TestServers
) -> None:
    engine, rival = opened(servers.url(make_url(empty_database).database or ""))
    with rival:
        # Whoever makes a table of the same name waits until this is committed or not.
        rival.execute(text("CREATE TABLE step_runs (id int)"))
        with pytest.raises(migrating.DatabaseBusy, match=r"50ms .* again"):
            migrating.upgrade(empty_database)
        rival.rollback()

        assert tables(rival).keys() <= {"alembic_version", "alembic_version_pkc"}
        rival.rollback()
        migrating.upgrade(empty_database)
        assert migrating.is_current(rival)
    engine.dispose()
