"""Two furnished clinics, each with its people, its form and its sandbox number."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI

from crm.core.runtime import Runtime
from tests.support.houses import House, cheap_app, furnish


@pytest.fixture
def app(runtime: Runtime) -> FastAPI:
    """The whole application."""
    return cheap_app(runtime)


@pytest.fixture
def house(runtime: Runtime, app: FastAPI, clinic: UUID) -> Iterator[House]:
    """A clinic in New York."""
    made = furnish(runtime, app, clinic)
    # A Tuesday in the morning: nothing is held for the hour.
    made.set_clock("2027-02-02 10:00")
    yield made
    made.close()


@pytest.fixture
def other_house(
    runtime: Runtime, app: FastAPI, other_clinic: UUID, house: House
) -> Iterator[House]:
    """A clinic in Los Angeles."""
    made = furnish(runtime, app, other_clinic)
    yield made
    made.close()
