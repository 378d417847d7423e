"""Fixtures of messaging: a clinic that can text, through a channel that tests script."""

from uuid import UUID

import pytest

from crm.core.runtime import Runtime
from tests.messaging.stage import Stage


@pytest.fixture
def stage(runtime: Runtime, clinic: UUID) -> Stage:
    """The clinic at noon, with a number and a scripted channel."""
    return Stage(runtime, clinic).open()
