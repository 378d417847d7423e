"""In CI a skipped test fails, unless its reason is listed in `tests/allowed_skips.txt`.

A plugin: `tests/conftest.py` names it in `pytest_plugins`.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

ALLOWED = Path(__file__).parents[1] / "allowed_skips.txt"
NO = {"", "0", "false", "no"}


def allowed_reasons(text: str) -> frozenset[str]:
    """Return the reasons of a list: one a line, `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line)


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Return why a test or a file was skipped, None if it was not or fails as expected."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return None
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ")


def fail_unless_allowed(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure in CI."""
    reason = skip_reason(report)
    if reason is None or os.environ.get("CI", "").lower() in NO:
        return
    if reason not in allowed_reasons(ALLOWED.read_text()):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, for a reason that {ALLOWED.name} does not list: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at every test's report."""
    report = yield
    fail_unless_allowed(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at every file's report: a whole file can be skipped, too."""
    report = yield
    fail_unless_allowed(report)
    return report
