"""The demo of a test, in a folder of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.demo import Demo


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Demo]]:
    """Start the demo; again after it ended, on the same data."""
    started: list[Demo] = []

    def begin() -> Demo:
        started.append(Demo(tmp_path))
        return started[-1]

    yield begin
    for demo in started:
        demo.clean_up()
