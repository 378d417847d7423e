"""A provider that fails in every way at once: nothing lost, nothing doubled in its own ledger."""

import pytest

from tests.faults.clients import answers_of
from tests.faults.conftest import Tell
from tests.faults.outcome import assert_each_once, figures_of
from tests.faults.practice import Practice
from tests.faults.profile import PROFILE

pytestmark = pytest.mark.faults

FAULTS = {
    "percent_500": 10,
    "percent_timeout": 10,
    "percent_reset": 3,
    "percent_reset_accepted": 2,
    "percent_429": 5,
}
PER_SECOND = 30
DONE_WITHIN_SECONDS = 240


@pytest.mark.parametrize("callbacks", [True, False], ids=["callbacks", "asked"])
def test_a_failing_provider_gets_each_text_once(
    practice: Practice, *, callbacks: bool, tell: Tell
) -> None:
    if not practice.supervisor.children:
        practice.start()
    practice.provider.configure(**FAULTS, callbacks=callbacks)
    people = practice.people(PROFILE.provider_requests // 2)
    with practice.clients() as clients:
        answers = answers_of(clients.send(people, per_second=PER_SECOND))
    states = ("sent", "delivered")
    assert_each_once(practice, answers, seconds=DONE_WITHIN_SECONDS, states=states)
    tell(requests=len(answers), **figures_of(practice, answers))
