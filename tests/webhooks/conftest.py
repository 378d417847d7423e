"""Fixtures of the edge."""

from uuid import UUID

import pytest

from crm.core.runtime import Runtime
from tests.webhooks.intake_support import Edge, open_edge


@pytest.fixture
def edge(runtime: Runtime, clinic: UUID) -> Edge:
    """A clinic that takes requests, where robots are told by their haste as in production."""
    runtime.settings.form_fill_seconds = 2.0
    return open_edge(runtime, clinic)
