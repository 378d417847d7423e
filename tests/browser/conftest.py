"""The demo: one that tests share, and those that a test starts and ends itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.demo import Demo

# How long a busy machine may take says nothing about the pages.
expect.set_options(timeout=30_000)


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


@pytest.fixture(scope="session")
def info(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a demo tells of itself that runs as long as the tests; leads in it are their own."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo.info()
    demo.clean_up()
