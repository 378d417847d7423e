"""The servers of a test process: those named by the environment, else its own.

`TEST_DATABASE_URL` (a superuser's address) and `TEST_REDIS_URL` come first, then the bundled
PostgreSQL and Valkey. Each xdist worker is a process: it has servers of its own, or databases of
its own on the named ones.
"""

import os
import shutil
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from crm import embedded

DRIVER = "postgresql+psycopg"
LOGIN = "frontdesk_tests"
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
_ONE_AT_A_TIME = 7240


class TestServers:
    """A PostgreSQL where tests are superuser, and a Redis-protocol server they may empty."""

    __test__ = False

    def __init__(
        self, own: embedded.EmbeddedServers | None, database_url: str | None, redis_url: str | None
    ) -> None:
        self.own = own
        self.database_url = database_url
        self.given_redis_url = redis_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def admin_url(self) -> str:
        """The superuser's address."""
        return self.database_url or self.started.admin_url

    @property
    def redis_url(self) -> str:
        """The broker's address."""
        return self.given_redis_url or self.started.redis_url

    def url(self, database: str, user: str | None = None) -> str:
        """Return the address of a database for a user, or for the superuser.

        On a server named by the environment all users have the superuser's password.
        """
        if self.database_url is None:
            return self.started.url(database, user or "postgres")
        url = make_url(self.database_url).set(database=database)
        url = url.set(username=user) if user else url
        return url.render_as_string(hide_password=False)

    @property
    def owner(self) -> str:
        """The role that owns the tables: the product's own, but on a named server another one."""
        return LOGIN if self.database_url is None else f"{LOGIN}_owner"

    def make_roles(self, admin: Connection) -> None:
        """Make the roles that `docs/operations.md` asks for.

        Roles belong to a whole server: this process's rivals wait until the connection is closed.
        """
        admin.execute(text(f"SELECT pg_advisory_lock({_ONE_AT_A_TIME})"))
        login = "LOGIN NOINHERIT NOSUPERUSER"
        wanted = {LOGIN: login, self.owner: f"{login} CREATEROLE"}
        for role, options in wanted.items():
            if not admin.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role}):
                admin.execute(text(f"CREATE ROLE {role}"))
            admin.execute(text(f"ALTER ROLE {role} {options}{self._password()}"))

    def _password(self) -> str:
        password = make_url(self.admin_url).password
        if password is None:
            return ""
        quoted = str(password).replace("'", "''").replace(":", "\\:")
        return f" PASSWORD '{quoted}'"

    @property
    def started(self) -> embedded.EmbeddedServers:
        """The servers that this process started."""
        if self.own is None:
            raise RuntimeError("this process started no server: the environment names both")
        return self.own

    def stop(self) -> None:
        """Stop what was started; servers named by the environment stay."""
        if self.own is not None:
            self.own.stop()


def in_memory() -> Path | None:
    """Return a folder in memory, where a database is copied twelve times as fast; None for none."""
    return MEMORY if MEMORY.exists() and shutil.disk_usage(MEMORY).free > ROOM else None


def start_test_servers(data_dir: Path) -> TestServers:
    """Start what the environment does not name, on an empty folder. Raises EmbeddedError."""
    database_url = given_database_url(os.environ.get("TEST_DATABASE_URL"))
    redis_url = given_redis_url(
        os.environ.get("TEST_REDIS_URL"), os.environ.get("PYTEST_XDIST_WORKER", "")
    )
    if database_url and redis_url:
        return TestServers(None, database_url, redis_url)
    own = embedded.start(
        data_dir, fsync=False, postgres=database_url is None, valkey=redis_url is None
    )
    return TestServers(own, database_url, redis_url)


def own_name(name: str) -> str:
    """Return the name of a database that no other test process has, on whatever server."""
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def given_database_url(address: str | None) -> str | None:
    """Return the address with our driver, None for none."""
    if not address:
        return None
    return make_url(address).set(drivername=DRIVER).render_as_string(hide_password=False)


def given_redis_url(address: str | None, worker: str) -> str | None:
    """Return the address with its own database for each xdist worker (`gw3`), None for none."""
    if not address:
        return None
    number = worker.removeprefix("gw")
    if not number.isdigit():
        return address
    server, _, query = address.partition("?")
    return f"{server}?{urlencode({**dict(parse_qsl(query)), 'db': number})}"
