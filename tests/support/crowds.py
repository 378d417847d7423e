"""A test's database with as many leads as a clinic has after years."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.crowd import Crowd, fill
from crm.core.runtime import Runtime
from tests.support.servers import TestServers

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def crowded(runtime: Runtime, servers: TestServers, crowd: Crowd) -> Iterator[Connection]:
    """Fill the runtime's database; yields the superuser's connection to it."""
    database = make_url(runtime.settings.database_url or "").database
    url = make_url(servers.admin_url).set(drivername="postgresql", database=database)
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        fill(runtime, connection, crowd)
        yield connection
