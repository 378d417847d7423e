"""Providers that fail in every way at once and go dark: by their own ledgers nothing is doubled."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from tests.fakes.waiting import until
from tests.faults.clients import answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import assert_each_once, figures_of
from tests.faults.practice import Practice
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

FAULTS = {
    "percent_500": 5,
    "percent_500_accepted": 5,
    "percent_timeout": 10,
    "percent_reset": 3,
    "percent_reset_accepted": 2,
    "percent_429": 5,
}
PER_SECOND = 30
START_WITHIN_SECONDS = 180
DONE_WITHIN_SECONDS = 300


@pytest.mark.parametrize("callbacks", [True, False], ids=["callbacks", "asked"])
def test_failing_providers_get_each_text_once_and_no_email_again_whose_outcome_is_unknown(
    practice: Practice, *, callbacks: bool, tell: Tell
) -> None:
    if not practice.supervisor.children:
        practice.start()
    practice.provider.configure(**FAULTS, callbacks=callbacks)
    people = practice.people(PROFILE.provider_requests // 2)
    half = len(people) // 2
    with practice.clients() as clients:
        sent = clients.send(people[:half], per_second=PER_SECOND)
        until(lambda: bool(practice.provider.ledger()), seconds=START_WITHIN_SECONDS)
        with dark(practice):
            sent += clients.send(people[half:], per_second=PER_SECOND)
        answers = answers_of(sent)
    states = ("sent", "delivered")
    asked_about = assert_each_once(practice, answers, seconds=DONE_WITHIN_SECONDS, states=states)
    tell(
        requests=len(answers),
        emails_left_to_a_person=asked_about,
        **figures_of(practice, answers),
    )


@contextmanager
def dark(practice: Practice) -> Iterator[None]:
    """Let the providers break off every call, for as long as the profile says at least.

    It does not end before something was tried in it, however slow the machine is.
    """
    practice.provider.configure(blackout_s=DONE_WITHIN_SECONDS)
    begun, tried = monotonic(), len(practice.provider.asked())
    yield

    def is_over() -> bool:
        is_long_enough = monotonic() - begun >= PROFILE.blackout
        return is_long_enough and len(practice.provider.asked()) > tried

    until(is_over, seconds=DONE_WITHIN_SECONDS, every=0.2)
    practice.provider.configure(blackout_s=0)
