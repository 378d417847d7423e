"""Kill points kill where they are told to, and nowhere else."""

import signal
import subprocess
import sys

import pytest

from crm.core import killpoints

WALK = """
from crm.core import killpoints
for step in ("take.before_commit", "take.after_commit", "take.after_commit"):
    killpoints.reached(step)
    print(step, flush=True)
"""


def walk(at: str, env: str = "demo") -> tuple[int, list[str]]:
    environment = {"FRONTDESK_ENV": env, "FRONTDESK_KILL_AT": at}
    ended = subprocess.run([sys.executable, "-c", WALK], env=environment, capture_output=True)
    return ended.returncode, ended.stdout.decode().splitlines()


def test_the_process_dies_at_its_point() -> None:
    assert walk("take.after_commit") == (-signal.SIGKILL, ["take.before_commit"])


def test_it_dies_the_nth_time() -> None:
    passed = ["take.before_commit", "take.after_commit"]
    assert walk("take.after_commit:2") == (-signal.SIGKILL, passed)


def test_nobody_dies_without_being_told() -> None:
    assert walk("")[0] == 0
    assert walk("call.before")[0] == 0


def test_production_does_not_listen() -> None:
    assert walk("take.after_commit", env="production")[0] == 0


def test_a_point_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_ENV", "demo")
    monkeypatch.setenv("FRONTDESK_KILL_AT", "take.after_lunch")
    with pytest.raises(ValueError, match=r"take\.after_lunch"):
        killpoints.arm()
