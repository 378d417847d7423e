"""Whatever happens to a campaign, in any order: nobody enters twice, and everybody has a result."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from automations.campaigns import actions, performing
from automations.campaigns.actions import CampaignOver
from crm.compliance.actions import suppress
from crm.core.performing import claim_and_perform
from crm.core.work import Claim, claim
from tests.automations.campaigns.conftest import Campaigns

DOING = ("chunk", "crash", "late", "pause", "resume", "opt out", "merge", "stop")


class Crash(RuntimeError):
    """The process dies on this line."""


def crash(*_arguments: object) -> None:
    """Die, as far as the transaction can tell."""
    raise Crash


def test_a_chunk_that_dies_has_never_been(
    campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "ENTER_AT_ONCE", 1)
    campaigns.people(3)
    campaign = campaigns.started()
    for line in ("_gather", "_note", "_go_on"):
        before = campaigns.results(campaign), len(campaigns.practice.enrollments())
        with monkeypatch.context() as patch:
            patch.setattr(performing, line, crash)
            campaigns.chunk()
        assert (campaigns.results(campaign), len(campaigns.practice.enrollments())) == before
        campaigns.chunk()
    assert campaigns.results(campaign) == {"entered": 2, "waiting": 1}
    campaigns.run()
    assert campaigns.results(campaign) == {"entered": 3}
    assert len(campaigns.practice.enrollments()) == 3


def test_a_worker_whose_lease_has_passed_to_another_does_nothing(campaigns: Campaigns) -> None:
    runtime = campaigns.practice.runtime
    campaigns.people(2)
    campaign = campaigns.started()
    runtime.clock.advance(seconds=6)
    first = _claimed(campaigns)
    runtime.clock.advance(seconds=runtime.settings.lease.total_seconds() + 1)
    second = _claimed(campaigns)
    performing.perform_campaigns(runtime, first)
    assert campaigns.results(campaign) == {}
    performing.perform_campaigns(runtime, second)
    assert campaigns.results(campaign) == {"waiting": 2}
    performing.perform_campaigns(runtime, second)
    assert campaigns.results(campaign) == {"waiting": 2}


def test_who_paused_it_has_taken_it_from_the_worker(campaigns: Campaigns) -> None:
    campaigns.people(2)
    campaign = campaigns.started()
    campaigns.practice.runtime.clock.advance(seconds=6)
    claimed = _claimed(campaigns)
    campaigns.practice.do(actions.pause, campaign)
    performing.perform_campaigns(campaigns.practice.runtime, claimed)
    assert campaigns.results(campaign) == {}


@settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(some.lists(some.tuples(some.sampled_from(DOING), some.integers(0, 5)), max_size=14))
def test_nobody_enters_twice_and_everybody_has_a_result(
    campaigns: Campaigns, doings: list[tuple[str, int]]
) -> None:
    people = campaigns.people(6)
    already = len(campaigns.practice.enrollments())
    campaign = campaigns.started(rate=2, per="minute")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performing, "GATHERED_AT_ONCE", 4)
        for what, which in doings:
            _do(campaigns, campaign, what, people[which])
        if campaigns.row(campaign).state == "paused":
            campaigns.practice.do(actions.resume, campaign)
        campaigns.run(most=400)

    row, persons = campaigns.row(campaign), campaigns.persons(campaign)
    results = Counter(one.result for one in persons)
    assert row.state in ("finished", "stopped")
    assert results["waiting"] == 0
    assert len({one.contact_id for one in persons}) == len(persons) == row.people
    assert (results["entered"], len(persons) - results["entered"]) == (row.entered, row.left_out)
    passages = campaigns.practice.enrollments()
    assert len(passages) - already == row.entered
    assert {one.enrollment_id for one in persons if one.enrollment_id} <= {
        one.id for one in passages
    }


def _do(campaigns: Campaigns, campaign: UUID, what: str, contact: UUID) -> None:
    practice = campaigns.practice
    doing: dict[str, Callable[[], object]] = {
        "chunk": lambda: campaigns.chunk(seconds=70),
        "crash": lambda: _dying(campaigns),
        "late": lambda: practice.runtime.clock.advance(hours=2),
        "pause": lambda: practice.do(actions.pause, campaign),
        "resume": lambda: practice.do(actions.resume, campaign),
        "opt out": lambda: practice.do(
            suppress,
            campaigns.address_of(contact),
            "sms",
            "stop",
        ),
        "merge": lambda: practice.merge(
            contact,
            campaigns.people(1)[0],
        ),
        "stop": lambda: practice.do(actions.stop, campaign),
    }
    try:
        doing[what]()
    except CampaignOver:
        assert campaigns.row(campaign).state in ("finished", "stopped")


def _dying(campaigns: Campaigns) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performing, "_go_on", crash)
        campaigns.practice.runtime.clock.advance(seconds=70)
        claim_and_perform(campaigns.practice.runtime, "campaigns", queue="bulk")


def _claimed(campaigns: Campaigns) -> Claim:
    runtime = campaigns.practice.runtime
    with runtime.database.system() as system:
        work = runtime.work["campaigns"]
        [claimed] = claim(system, work, lease=runtime.settings.lease, queue="bulk")
        return claimed
