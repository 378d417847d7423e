"""PostgreSQL crashes under load and starts again, with two schedulers; nobody has to help."""

import pytest

from tests.faults.clients import answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import assert_each_once, figures_of
from tests.faults.practice import Practice
from tests.faults.profile import PROFILE
from tests.support.servers import TestServers

pytestmark = pytest.mark.faults

PER_SECOND = 20
CRASHES = 2
DONE_WITHIN_SECONDS = 240


def test_a_crash_of_the_database_needs_no_manual_step(
    practice: Practice, servers: TestServers, tell: Tell
) -> None:
    if servers.own is None or "postgres" not in servers.own.running:
        pytest.skip("the PostgreSQL of TEST_DATABASE_URL is not ours to crash")
    practice.start()
    practice.start_scheduler("another_scheduler")
    started = practice.supervisor.starts
    people = practice.people(PROFILE.provider_requests)
    with practice.clients() as clients:
        sent = clients.send(people, per_second=PER_SECOND)
        for crash in range(CRASHES):
            # So that some are under way and some are still to come.
            sent[(crash + 1) * len(sent) // (CRASHES + 2)].result()
            servers.started.restart_postgres(crash=True)
        answers = answers_of(sent)
    asked_about = assert_each_once(practice, answers, seconds=DONE_WITHIN_SECONDS)
    # An email that was on its way in a crash: the clocks are put forward, with a start of each.
    by_us = len(practice.supervisor.children) if asked_about else 0
    assert practice.supervisor.starts == started + by_us
    tell(crashes=CRASHES, requests=len(answers), **figures_of(practice, answers))
