"""CI runs every step, counts what they say, and fails when one does."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

MAKE = """#!/bin/sh
target=$1
[ "$target" = setup ] && exit 0
echo "ran $target CI=$CI REQUIRE_BROWSER=$REQUIRE_BROWSER"
report=${PYTEST_ADDOPTS#--junitxml=}
[ -e "$0.$target" ] && cp "$0.$target" "$report"
[ ! -e "$0.$target.fails" ]
"""
TARGETS = ("check", "test", "test-own-servers", "test-faults")
SUITE = (
    '<testsuites><testsuite name="pytest" tests="{}" failures="{}" errors="{}" skipped="{}"/>'
    "</testsuites>"
)


@pytest.fixture
def make(tmp_path: Path) -> Path:
    """A make that does as its reports say."""
    path = tmp_path / "make"
    path.write_text(MAKE)
    path.chmod(0o755)
    for program in ("chromium", "redis-server", "initdb"):
        (tmp_path / program).symlink_to("/bin/true")
    report(path, "check", (70, 0, 0, 0))
    report(path, "test", (900, 0, 0, 2))
    report(path, "test-own-servers", (500, 0, 0, 0))
    report(path, "test-faults", (30, 0, 0, 0))
    return path


def report(make: Path, target: str, counts: tuple[int, int, int, int]) -> None:
    Path(f"{make}.{target}").write_text(SUITE.format(*counts))


def run(make: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{make.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [ROOT / ".ci" / "run"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_runs_all_steps_and_closes_with_the_sum(make: Path) -> None:
    done = run(make)
    lines = done.stdout.splitlines()
    for target in TARGETS:
        assert f"ran {target} CI=true REQUIRE_BROWSER=1" in lines
    assert "test: 898 passed, 2 skipped" in lines
    assert (done.returncode, lines[-1]) == (0, "1498 passed, 2 skipped")


def test_a_failing_step_fails_it_and_does_not_hide_the_next(make: Path) -> None:
    Path(f"{make}.check.fails").touch()
    done = run(make)
    assert "ran test-faults CI=true REQUIRE_BROWSER=1" in done.stdout
    assert "steps that failed: check" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("counts", [(900, 1, 0, 0), (900, 0, 1, 0)])
def test_a_failed_test_fails_it_whatever_make_says(
    make: Path, counts: tuple[int, int, int, int]
) -> None:
    report(make, "test", counts)
    assert run(make).returncode == 1


def test_no_tests_at_all_fail_it(make: Path) -> None:
    for target in TARGETS:
        Path(f"{make}.{target}").unlink()
    done = run(make)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 passed")
