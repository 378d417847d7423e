"""Web, worker and scheduler are killed at random moments and Redis is wiped, under load."""

import os
import random
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Event
from time import monotonic

import pytest

from tests.faults.clients import Answer, answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import assert_each_once, figures_of
from tests.faults.practice import Practice
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

SECONDS_BETWEEN_KILLS = 1.5
SETTLED_WITHIN_SECONDS = 240


def seed() -> int:
    """Return what the moments are drawn from; `FAULTS_SEED` repeats a run."""
    return int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10_000))


def test_whoever_is_killed_each_request_is_one_lead_and_one_text(
    practice: Practice, tell: Tell
) -> None:
    drawn = seed()
    tell(seed=drawn)
    practice.start()
    duration = PROFILE.random_kills * SECONDS_BETWEEN_KILLS
    people = practice.people(PROFILE.requests)
    with practice.clients() as clients:
        sent = clients.send(people, per_second=PROFILE.requests / duration)
        kill_at_random(practice, random.Random(drawn), duration, sent)
        answers = answers_of(sent)
    last_kill = monotonic()
    assert_each_once(practice, answers, seconds=SETTLED_WITHIN_SECONDS)
    tell(
        requests=len(answers),
        repeated=sum(answer.attempts > 1 for answer in answers),
        processes_started=practice.supervisor.starts,
        settled_after_s=round(monotonic() - last_kill, 1),
        **figures_of(practice, answers),
    )


def kill_at_random(
    practice: Practice, dice: random.Random, duration: float, sent: Sequence["Future[Answer]"]
) -> None:
    """Kill one process after the other over that time, and wipe Redis twice."""
    moments = sorted(dice.uniform(0, duration) for _ in range(PROFILE.random_kills))
    flushes = {PROFILE.random_kills // 3, 2 * PROFILE.random_kills // 3}
    names = list(practice.supervisor.children)
    begun, pause = monotonic(), Event()
    for number, moment in enumerate(moments):
        pause.wait(max(0.0, begun + moment - monotonic()))
        practice.supervisor.kill(dice.choice(names))
        if number in flushes:
            practice.flush_redis()
        for future in sent:
            if future.done():
                future.result()
