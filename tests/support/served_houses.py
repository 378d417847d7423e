"""Fixtures of a furnished clinic that is served, for tests with a browser."""

import socket
from collections.abc import Iterator
from uuid import UUID

import pytest

from crm.core.runtime import Runtime
from crm.core.settings import Settings
from tests.support.houses import House, cheap_app, furnish
from tests.support.serving import address_of, free_socket, served

__all__ = ["house", "listening", "settings"]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Where we serve."""
    with free_socket() as opened:
        yield opened


@pytest.fixture
def settings(settings: Settings, listening: socket.socket) -> Settings:
    """Settings that name our own address."""
    return Settings(
        _env_file=None, **{**settings.model_dump(), "public_url": address_of(listening)}
    )


@pytest.fixture
def house(runtime: Runtime, clinic: UUID, listening: socket.socket) -> Iterator[House]:
    """A furnished clinic in the morning, being served."""
    app = cheap_app(runtime)
    made = furnish(runtime, app, clinic)
    made.set_clock("2027-02-02 10:00")
    with served(app, listening):
        yield made
    made.close()
