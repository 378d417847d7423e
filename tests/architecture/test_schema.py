"""The migrations make what the models say."""

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, text

import crm.registry
from crm.core import migrating
from crm.core.models import metadata
from tests.support.servers import TestServers, own_name

assert crm.registry.MODELS

PARTS = {
    "column": """
        SELECT table_name || '.' || column_name,
               concat_ws(' ', data_type, udt_name, is_nullable, column_default, identity_generation)
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraint": """
        SELECT conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'""",
}


@pytest.fixture
def from_models(servers: TestServers) -> Iterator[Engine]:
    """A database whose tables are made from the models alone."""
    name = own_name("frontdesk_models")
    admin = create_engine(servers.admin_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(servers.url(name))
    metadata.create_all(engine)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def migrated(owner_url: str) -> Iterator[Engine]:
    """A database that the migrations made."""
    engine = create_engine(owner_url)
    yield engine
    engine.dispose()


def parts(connection: Connection, kind: str) -> dict[str, str]:
    """Return what a database has of a kind, as the database itself tells it."""
    rows = connection.execute(text(PARTS[kind]))
    return {name: told for name, told in rows if "alembic_version" not in f"{name} {told}"}


def test_alembic_finds_nothing_to_migrate(migrated: Engine) -> None:
    with migrated.connect() as connection:
        command.check(migrating.config(connection))


def test_migrations_make_what_the_models_say(migrated: Engine, from_models: Engine) -> None:
    """Alembic looks at no CHECK, no identity and no WHERE of an index: the database is asked."""
    with migrated.connect() as one, from_models.connect() as other:
        for kind in PARTS:
            made, said = parts(one, kind), parts(other, kind)
            assert len(said) > 10, kind
            assert made == said, kind
