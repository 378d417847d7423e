"""Clocks that are wrong and jump: in the quiet hours nothing leaves, and later each text once."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.fakes.waiting import until
from tests.faults.clients import Answer, answers_of
from tests.faults.conftest import Addresses, Tell
from tests.faults.outcome import assert_each_once
from tests.faults.practice import ZONE, Practice, duration, offset_to, open_practice
from tests.faults.preloaded import WALL_CLOCK
from tests.support.servers import TestServers

pytestmark = pytest.mark.faults

BATCH = 40
PER_SECOND = 40
HELD_WITHIN_SECONDS = 180
SENT_WITHIN_SECONDS = 240
AHEAD, BEHIND = timedelta(hours=2), timedelta(hours=-2)


@pytest.fixture(scope="module")
def practice(
    servers: TestServers, fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Practice]:
    """A clinic at seven in the morning: its quiet hours end at eight."""
    folder: Path = tmp_path_factory.mktemp("practice")
    urls = fresh_database.login, fresh_database.admin, servers.redis_url
    with open_practice(folder, *urls, hour=7) as opened:
        yield opened


def test_clocks_that_jump_send_nothing_early_and_nothing_twice(
    practice: Practice, tell: Tell
) -> None:
    seven = practice.records.offset
    start_with_wrong_clocks(practice, seven)
    answers = send_and_await_held(practice)
    # The clocks jump back while texts are held, and again texts come in.
    practice.supervisor.restart("worker_a")
    practice.supervisor.restart("worker_b", **{WALL_CLOCK: str(AHEAD.total_seconds())})
    practice.supervisor.restart("another_scheduler")
    answers += send_and_await_held(practice)
    assert not practice.provider.asked()
    held = practice.records.sent_to([answer.person.phone for answer in answers])
    # They are let go one after the other from eight o'clock on.
    assert {local(text["due_at"]).hour for text in held} == {8}
    practice.jump_to(offset_to(9))
    assert_each_once(practice, answers, seconds=SENT_WITHIN_SECONDS)
    tell(requests=len(answers), held=len(held), early=0)


def start_with_wrong_clocks(practice: Practice, offset: timedelta) -> None:
    """Start everything; the machines of both workers and one scheduler have it wrong."""
    practice.start(workers=())
    practice.start_worker("worker_a", **{WALL_CLOCK: str(AHEAD.total_seconds())})
    practice.start_worker("worker_b", **{WALL_CLOCK: str(BEHIND.total_seconds())})
    # This one even believes that the product's time is nine: it rings for what is not due.
    practice.start_scheduler("another_scheduler", CLOCK_OFFSET=duration(offset + AHEAD))


def send_and_await_held(practice: Practice) -> list[Answer]:
    """Send requests and wait until each of their texts is held for the quiet hours."""
    with practice.clients() as clients:
        answers = answers_of(clients.send(practice.people(BATCH), per_second=PER_SECOND))

    def are_held() -> bool:
        texts = practice.records.sent_to([answer.person.phone for answer in answers])
        return len(texts) == BATCH and all(text["held_reason"] for text in texts)

    until(are_held, seconds=HELD_WITHIN_SECONDS, every=0.2, what=practice.supervisor.last_words())
    return answers


def local(instant: datetime) -> time:
    """Return the time of the day at the clinic."""
    return instant.astimezone(ZoneInfo(ZONE)).time()
