"""Connections of the pool: one whose server is gone is replaced before anybody uses it."""

from sqlalchemy import create_engine, text

from crm.core.runtime import Runtime
from tests.support.servers import TestServers

_END = text(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = :name AND pid <> pg_backend_pid()"
)


def test_a_connection_that_ended_in_the_pool_is_replaced(
    runtime: Runtime, servers: TestServers
) -> None:
    with runtime.database.system() as system:
        before = system.session.scalar(text("SELECT pg_backend_pid()"))
    admin = create_engine(servers.admin_url)
    with admin.connect() as connection:
        name = runtime.database.engine.url.database
        assert all(connection.scalars(_END, {"name": name}))
    admin.dispose()
    with runtime.database.system() as system:
        assert system.session.scalar(text("SELECT pg_backend_pid()")) != before
