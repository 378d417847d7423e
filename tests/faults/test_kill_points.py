"""A process dies at each named point, many times, with several items under way."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

import pytest

from crm.core.killpoints import POINTS
from tests.fakes.waiting import until
from tests.faults.clients import Answer, Person, answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import assert_each_once, await_quiet
from tests.faults.practice import NUMBER, Practice
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

AT_ONCE = 6
PER_SECOND = 40
SECONDS_A_KILL = 20
DONE_WITHIN_SECONDS = 90
WEB_STEPS = ("intake", "status", "message")


@pytest.fixture(scope="module")
def running(practice: Practice) -> Practice:
    """The clinic with its processes, of which one at a time will die."""
    practice.start()
    return practice


@pytest.fixture
def provider_of(running: Practice) -> Iterator[Callable[[str], bool]]:
    """Let the provider behave so that a point is come to; say whether it has to be asked."""

    def behave(point: str) -> bool:
        is_asked = point.startswith("settle.")
        if is_asked:
            running.provider.configure(callbacks=False, percent_reset_accepted=100)
        return is_asked

    yield behave
    running.provider.configure(**running.provider.behaviour_at_start())


def process_of(point: str) -> str:
    """Return the process that comes to a point."""
    step = point.partition(".")[0]
    if step in WEB_STEPS:
        return "web"
    return "scheduler" if step == "scheduler" else "worker_a"


@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_dies_there_loses_and_doubles_nothing(
    running: Practice,
    provider_of: Callable[[str], bool],
    point: str,
    tell: Tell,
) -> None:
    states = ("sent", "delivered") if provider_of(point) else ("delivered",)
    name = process_of(point)
    before = running.supervisor.deaths(name)

    def deaths() -> int:
        return running.supervisor.deaths(name) - before

    running.supervisor.restart(name, FRONTDESK_KILL_AT=point)
    answers = load_until(running, point, deaths)
    running.supervisor.restart(name)
    assert_each_once(running, answers, seconds=DONE_WITHIN_SECONDS, states=states)
    if is_reply(point):
        assert_one_reply_each(running, answers)
    tell(deaths=deaths(), requests=len(answers))


def load_until(practice: Practice, point: str, deaths: Callable[[], int]) -> list[Answer]:
    """Send requests, several at once, until a process has died often enough at a point."""
    answers: list[Answer] = []
    deadline = monotonic() + PROFILE.kills_a_point * SECONDS_A_KILL
    with practice.clients() as clients:
        while deaths() < PROFILE.kills_a_point:
            assert monotonic() < deadline, f"{deaths()} deaths; {practice.supervisor.last_words()}"
            died = deaths()
            burst = answers_of(clients.send(practice.people(AT_ONCE), per_second=PER_SECOND))
            answers += burst
            if is_reply(point):
                await_quiet(practice, burst, seconds=DONE_WITHIN_SECONDS, states=("delivered",))
                reply_from_each(practice, burst)
            # Whoever else took the work left nothing to die of: more is sent.
            with suppress(AssertionError):
                until(lambda died=died: deaths() > died, seconds=1)  # type: ignore[misc]
    return answers


def is_reply(point: str) -> bool:
    """Say whether a point lies where a patient's text comes in."""
    return point.startswith("message.")


def reply_from_each(practice: Practice, answers: Sequence[Answer]) -> None:
    """Let the patients answer, all at once; the provider repeats each text until it is taken."""
    url = f"http://127.0.0.1:{practice.port}/webhooks/twilio/message"

    def reply(person: Person) -> None:
        sid = f"SM{person.number:032x}"
        until(
            lambda: (
                practice.provider.text_in(
                    url, sender=person.phone, to=NUMBER, body="Tuesday, please", sid=sid
                )
                == 200
            ),
            seconds=60,
            every=0.1,
        )

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(reply, [answer.person for answer in answers]))


def assert_one_reply_each(practice: Practice, answers: Sequence[Answer]) -> None:
    """Every patient's text is kept once."""
    phones = [answer.person.phone for answer in answers]
    assert Counter(text["phone"] for text in practice.records.texts_in(phones)) == Counter(phones)
