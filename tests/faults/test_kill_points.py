"""A process dies at each named point, many times, with several items under way."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic

import pytest

from crm.core.killpoints import POINTS
from tests.fakes.waiting import until
from tests.faults.clients import Answer, Clients, Person, answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import (
    DELIVERED,
    NO_TEXTS,
    assert_each_once,
    await_quiet,
    figures_of,
    phones_of,
)
from tests.faults.practice import (
    EMAIL_STEP,
    FOLLOW_UP,
    LATER_STEPS,
    NUMBER,
    WORKERS,
    Practice,
)
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

AT_ONCE = 6
PER_SECOND = 40
SECONDS_A_KILL = 60
DONE_WITHIN_SECONDS = 240
GROUPS = {
    "edge": ("intake", "status", "message"),
    "worker": ("claim", "deliver"),
    "advancing": ("advance",),
    "sending": ("take", "call", "record"),
    "settling": ("settle",),
    "mailing": ("take", "call", "record"),
    "doubting": ("settle",),
    "scheduler": ("scheduler",),
}
ELSEWHERE = ("campaign",)
"""Steps that no request comes to: see `test_campaigns`."""

MOVES_FIRST = {
    **FOLLOW_UP,
    "exits": ["replied"],
    "steps": [{"kind": "move_stage", "stage": "Contacted"}, *FOLLOW_UP["steps"]],
}
MAILS_ONLY = {**FOLLOW_UP, "steps": [EMAIL_STEP, *LATER_STEPS]}
SEQUENCES = {"advancing": MOVES_FIRST, "mailing": MAILS_ONLY, "doubting": MAILS_ONLY}
"""Where a move is left to a worker, and the text behind it; where there are but emails."""

STATES = {"settling": ("sent", "delivered"), "mailing": NO_TEXTS, "doubting": NO_TEXTS}
NOWHERE = "unix:///nowhere.sock"


@pytest.fixture(scope="module")
def running(practice: Practice) -> Practice:
    """The clinic with its processes, some of which will die."""
    practice.start()
    return practice


@pytest.fixture
def prepared(running: Practice, group: str) -> Iterator[Practice]:
    """The clinic in such a state that the points of a group are come to."""
    if group in ("settling", "doubting"):
        # Every call is accepted and its answer lost, and nobody calls back.
        running.provider.configure(callbacks=False, percent_reset_accepted=100)
    if group in SEQUENCES:
        running.publish(SEQUENCES[group])
    if group == "scheduler":
        # Every ring of the web is lost: only the sweep finds the work.
        running.supervisor.restart("web", REDIS_URL=NOWHERE)
    yield running
    running.provider.configure(**running.provider.behaviour_at_start())
    if group in SEQUENCES:
        running.publish(FOLLOW_UP)
    if group == "scheduler":
        running.supervisor.restart("web")


@pytest.mark.parametrize("group", GROUPS)
def test_who_dies_at_a_named_point_loses_and_doubles_nothing(
    prepared: Practice, group: str, tell: Tell
) -> None:
    answers: list[Answer] = []
    replied: list[Answer] = []
    for point in points_of(group):
        begun = monotonic()
        died, fresh = die_at(prepared, point)
        answers += fresh
        replied += fresh if is_reply(point) else []
        people = f"{fresh[0].person.number}-{fresh[-1].person.number}"
        tell(point=point, deaths=died, people=people, seconds=round(monotonic() - begun, 1))
    begun = monotonic()
    states = STATES.get(group, DELIVERED)
    asked_about = assert_each_once(prepared, answers, seconds=DONE_WITHIN_SECONDS, states=states)
    assert_one_reply_each(prepared, replied)
    # Who dies around an email's call leaves emails whose outcome nobody learned.
    assert asked_about or group not in ("mailing", "doubting")
    tell(
        quiet_after_s=round(monotonic() - begun, 1),
        emails_left_to_a_person=asked_about,
        **figures_of(prepared, answers),
    )


def test_every_point_is_in_a_group() -> None:
    known = {point for group in GROUPS for point in points_of(group)}
    known |= {point for point in POINTS if point.partition(".")[0] in ELSEWHERE}
    assert set(POINTS) == known


def points_of(group: str) -> list[str]:
    """Return the points of a group's steps."""
    return [point for point in POINTS if point.partition(".")[0] in GROUPS[group]]


def processes_of(point: str) -> Sequence[str]:
    """Return the processes that come to a point."""
    step = point.partition(".")[0]
    if step in GROUPS["edge"]:
        return ["web"]
    return ["scheduler"] if step == "scheduler" else WORKERS


def die_at(practice: Practice, point: str) -> tuple[int, list[Answer]]:
    """Send requests until processes have died often enough at a point; return how often, and
    the answers.

    Who has asked by then is answered when nobody dies any more, however slow the machine is.
    """
    names = processes_of(point)
    before = sum(practice.supervisor.deaths(name) for name in names)

    def deaths() -> int:
        return sum(practice.supervisor.deaths(name) for name in names) - before

    environment = practice.supervisor.children[names[0]].environment
    for name in names:
        practice.supervisor.restart(name, **environment, FRONTDESK_KILL_AT=point)
    with practice.clients() as clients, ThreadPoolExecutor(AT_ONCE) as patients:
        try:
            sent, replies = load_until(practice, point, deaths, clients, patients)
            died = deaths()
        finally:
            for name in names:
                practice.supervisor.restart(name, **environment)
        answers = answers_of(sent)
        for reply in replies:
            reply.result()
    return died, answers


def load_until(
    practice: Practice,
    point: str,
    deaths: Callable[[], int],
    clients: Clients,
    patients: ThreadPoolExecutor,
) -> tuple[list["Future[Answer]"], list["Future[None]"]]:
    """Send requests, several at once, until processes have died often enough at a point.

    Return them, and the patients' replies where the point lies in taking those.
    """
    sent: list[Future[Answer]] = []
    replies: list[Future[None]] = []
    deadline = monotonic() + PROFILE.kills_a_point * SECONDS_A_KILL
    while deaths() < PROFILE.kills_a_point:
        assert monotonic() < deadline, f"{deaths()} deaths; {practice.supervisor.last_words()}"
        died = deaths()
        if all(each.done() for each in [*sent, *replies]):
            burst = clients.send(practice.people(AT_ONCE), per_second=PER_SECOND)
            sent += burst
            if is_reply(point):
                replies += reply_from_each(practice, answers_of(burst), patients)
        # Whoever has just started may not listen yet: then more is sent.
        with suppress(AssertionError):
            until(lambda died=died: deaths() > died, seconds=2)  # type: ignore[misc]
    return sent, replies


def is_reply(point: str) -> bool:
    """Say whether a point lies where a patient's text comes in."""
    return point.startswith("message.")


def reply_from_each(
    practice: Practice, answers: Sequence[Answer], patients: ThreadPoolExecutor
) -> list["Future[None]"]:
    """Let the patients answer, all at once; the provider repeats each text until it is taken."""
    await_quiet(practice, answers, seconds=DONE_WITHIN_SECONDS, states=DELIVERED)
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
            seconds=DONE_WITHIN_SECONDS,
            every=0.1,
        )

    return [patients.submit(reply, answer.person) for answer in answers]


def assert_one_reply_each(practice: Practice, answers: Sequence[Answer]) -> None:
    """Every patient's text is kept once."""
    phones = phones_of(answers)
    assert Counter(text["phone"] for text in practice.records.texts_in(phones)) == Counter(phones)
