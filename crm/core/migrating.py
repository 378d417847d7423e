"""Bringing a database to the schema of this release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from crm.core import tenancy

_FOLDER = Path(__file__).parents[2] / "migrations"
_LOCK_TIMEOUT = "10s"


class DatabaseBusy(RuntimeError):
    """A migration waited too long for a lock; those before it are done, of it nothing is."""


def config(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection."""
    alembic = Config()
    alembic.set_main_option("script_location", str(_FOLDER))
    alembic.attributes["connection"] = connection
    return alembic


def make_database(admin_url: str, database: str, login: str) -> None:
    """Create a login, no superuser, that owns a database, where they are missing."""
    engine = create_engine(admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        role = text("SELECT 1 FROM pg_roles WHERE rolname = :r")
        if not connection.scalar(role, {"r": login}):
            connection.execute(text(f"CREATE ROLE {login} LOGIN CREATEROLE NOINHERIT"))
        known = text("SELECT 1 FROM pg_database WHERE datname = :d")
        if not connection.scalar(known, {"d": database}):
            connection.execute(text(f"CREATE DATABASE {database} OWNER {login}"))
    engine.dispose()


def upgrade(url: str, *, login: str | None = None) -> None:
    """Create the roles where they are missing and run every migration not yet run.

    `login` is the role of `DATABASE_URL` where the owner is another one. Two at once wait for
    each other. Raises DatabaseBusy, and ProgrammingError where the roles are missing and may not
    be created.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(7242)"))
            user = login or str(connection.scalar(text("SELECT current_user")))
            if not tenancy.may_take_roles(connection, user):
                tenancy.set_up_roles(connection, user)
            _take_what_the_owner_has(connection)
            connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
            connection.commit()
            _migrate(connection)
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(7242)"))
            connection.commit()
    finally:
        engine.dispose()


def _take_what_the_owner_has(connection: Connection) -> None:
    """Let the database's owner make tables in it.

    Before PostgreSQL 16 an owner who inherits nothing lacks what `pg_database_owner` may do.
    """
    lacks = text(
        "SELECT pg_has_role('pg_database_owner', 'MEMBER')"
        " AND NOT has_schema_privilege('public', 'CREATE')"
    )
    if connection.scalar(lacks):
        connection.execute(text("SET LOCAL ROLE pg_database_owner"))
        connection.execute(text("GRANT CREATE ON SCHEMA public TO SESSION_USER"))
        connection.execute(text("RESET ROLE"))


def _migrate(connection: Connection) -> None:
    try:
        command.upgrade(config(connection), "head")
    except OperationalError as fault:
        if not isinstance(fault.orig, LockNotAvailable):
            raise
        raise DatabaseBusy(
            f"A migration waited {_LOCK_TIMEOUT} for a lock that somebody holds, and gave up so"
            " that nobody waits behind it. Nothing of it was kept: run `frontdesk migrate` again."
        ) from fault


def is_current(connection: Connection) -> bool:
    """Whether the schema is that of this release."""
    script = ScriptDirectory.from_config(config(connection))
    return (
        MigrationContext.configure(connection).get_current_revision() == script.get_current_head()
    )


def login_of(database_url: str | None) -> str | None:
    """Return the role that a database address signs in as, where it names one."""
    return make_url(database_url).username if database_url else None
