"""The servers of a test process: those named by the environment, else its own.

`TEST_DATABASE_URL` (a superuser's address) and `TEST_REDIS_URL` come first, then `redis-server` on
the PATH, then the bundled PostgreSQL and Valkey. Each xdist worker is a process, and has its own.
"""

import os
import shutil
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.engine import make_url

from crm import embedded

DRIVER = "postgresql+psycopg"


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

    def url(self, database: str, user: str) -> str:
        """Return the address of a database for a user.

        On a server named by the environment the user has the superuser's password.
        """
        if self.database_url is None:
            return self.started.url(database, user)
        url = make_url(self.database_url).set(database=database, username=user)
        return url.render_as_string(hide_password=False)

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


def start_test_servers(data_dir: Path) -> TestServers:
    """Start what the environment does not name, on an empty folder. Raises EmbeddedError."""
    database_url = given_database_url(os.environ.get("TEST_DATABASE_URL"))
    redis_url = given_redis_url(
        os.environ.get("TEST_REDIS_URL"), os.environ.get("PYTEST_XDIST_WORKER", "")
    )
    if database_url and redis_url:
        return TestServers(None, database_url, redis_url)
    redis_server = shutil.which("redis-server")
    own = embedded.start(
        data_dir,
        fsync=False,
        postgres=database_url is None,
        valkey=redis_url is None,
        redis_program=Path(redis_server) if redis_server else None,
    )
    return TestServers(own, database_url, redis_url)


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
