"""Many campaigns are paused, resumed, killed and finished: each contact once, or the reason."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from automations.campaigns import actions
from automations.campaigns.actions import CampaignOver
from automations.campaigns.audience import Audience
from automations.sequences import load_automation
from crm.accounts.actions import add_clinic
from crm.compliance.actions import NewConsent, record_consents, suppress
from crm.contacts.actions import Person, match_or_create
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template
from crm.messaging.actions.connect import connect_twilio
from crm.runtime import build_runtime, ring_redis
from pipelines.actions import NewLead, add_pipeline, create_leads
from tests.fakes.waiting import until
from tests.faults.conftest import Tell
from tests.faults.practice import STAGES, WORKERS, ZONE, Practice
from tests.faults.profile import PROFILE
from tests.faults.test_random_kills import seed

pytestmark = pytest.mark.faults

POINTS = ("campaign.before_commit", "campaign.after_commit")
KILLED_WITHIN_SECONDS = 20
RANDOM_KILLS = 5
KINDS = ("agreed", "agreed", "agreed", "agreed", "late", "silent", "gone", "without")
"""What the people of a clinic are, by turns: some opt out while the campaign runs (`late`), some
never agreed, some have opted out before, some have no phone."""

REASONS = {"silent": "no_consent", "gone": "suppressed", "without": "no_address"}
SEQUENCE = {
    "name": "Recall",
    "trigger": {"kind": "campaign"},
    "steps": [{"kind": "send_text", "template": "Recall"}],
}


@dataclass(frozen=True)
class Someone:
    """A contact, what they are, and their phone's address."""

    contact_id: UUID
    kind: str
    address_id: UUID | None


@dataclass(frozen=True)
class Started:
    """A campaign under way, and everybody whom its clinic knows."""

    clinic_id: UUID
    id: UUID
    people: Sequence[Someone]


@pytest.fixture
def runtime(practice: Practice) -> Iterator[Runtime]:
    """A process that furnishes clinics, and does what their people do."""
    given = {name.lower(): value for name, value in practice.environment.items()}
    settings = Settings(_env_file=None, **given)  # type: ignore[arg-type]
    built = build_runtime(settings, doorbell=ring_redis(settings))
    yield built
    built.close()


def test_each_contact_is_reached_once_or_there_is_a_reason(
    practice: Practice, runtime: Runtime, tell: Tell
) -> None:
    drawn = seed()
    begun = monotonic()
    # Nobody calls back: what a text became is asked for, where its answer was lost.
    practice.provider.configure(callbacks=False)
    campaigns = [furnished(practice, runtime, n) for n in range(PROFILE.campaign_clinics)]
    tell(seed=drawn, seeded_after_s=round(monotonic() - begun, 1))
    for name in WORKERS:
        practice.start_worker(name)
    practice.start_scheduler("scheduler")

    begun = monotonic()
    for each in campaigns:
        do(runtime, each, actions.start, each.id, 1)
    deaths = sum(die_at(practice, point) for point in POINTS)
    paused = [each for each in campaigns[::2] if pauses(runtime, each)]
    assert paused, "all were finished before anybody could pause one"
    others = [each for each in campaigns if each not in paused]
    stood = entered_by_campaign(practice)
    practice.flush_redis()
    for each in campaigns:
        do(runtime, each, opt_out, [one for one in each.people if one.kind == "late"])
    kill_at_random(practice, random.Random(drawn), others)
    stands = entered_by_campaign(practice)
    assert all(stands[each.id] == stood[each.id] for each in paused)
    for each in paused:
        do(runtime, each, actions.resume, each.id)
    kill_at_random(practice, random.Random(drawn + 1), campaigns)
    tell(gathered_and_entered_after_s=round(monotonic() - begun, 1), deaths=deaths)

    await_quiet(practice)
    results = assert_each_once(practice, campaigns)
    tell(
        contacts=sum(len(each.people) for each in campaigns),
        clinics=len(campaigns),
        processes_started=practice.supervisor.starts,
        settled_after_s=round(monotonic() - begun, 1),
        results=results,
    )


def furnished(practice: Practice, runtime: Runtime, number: int) -> Started:
    """Make a clinic with its people and a campaign for all of them, which nobody has started."""
    clinic_id = add_clinic(runtime.database, name=f"Clinic {number}", timezone=ZONE)
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        add_pipeline(uow, "New patients", STAGES, is_default=True)
        account = practice.provider.account_sid, practice.provider.auth_token
        connect_twilio(uow, *account, f"+1212555{1000 + number}")
        add_template(uow, "Recall", {"en": "{{ first_name }}, it is time for a check-up."})
        sequence = load_automation(uow, SEQUENCE)
        people = add_people(uow, number)
        draft = actions.Draft("Recall", sequence.id, Audience(), PROFILE.campaign_rate, "minute")
        return Started(clinic_id, actions.draft_campaign(uow, draft).id, people)


def add_people(uow: UnitOfWork, clinic: int) -> list[Someone]:
    """Add everybody whom a clinic knows; every second one has a lead."""
    kinds = [KINDS[number % len(KINDS)] for number in range(PROFILE.campaign_people)]
    matched = match_or_create(
        uow,
        [
            Person(f"Pat {number}", *addresses(clinic, number, kind), "en")
            for number, kind in enumerate(kinds)
        ],
    )
    people = [
        Someone(one.contact_id, kind, one.address_ids.get("phone"))
        for one, kind in zip(matched, kinds, strict=True)
    ]
    agreed = [one for one in people if one.address_id and one.kind != "silent"]
    record_consents(uow, [consent(one) for one in agreed])
    for one in agreed:
        if one.kind == "gone" and one.address_id:
            suppress(uow, one.address_id, "sms", "stop")
    create_leads(uow, [NewLead(one.contact_id) for one in people[::2]])
    return people


def addresses(clinic: int, number: int, kind: str) -> tuple[str | None, str | None]:
    """Return somebody's phone and email address."""
    if kind == "without":
        return None, f"pat{number}@clinic{clinic}.example"
    return f"+1212{3_000_000 + clinic * 10_000 + number}", None


def consent(someone: Someone) -> NewConsent:
    """Return the consent to texts about their care."""
    assert someone.address_id is not None
    return NewConsent(
        address_id=someone.address_id,
        contact_id=someone.contact_id,
        channel="sms",
        purpose="care",
        tier="express",
        action="granted",
    )


def opt_out(uow: UnitOfWork, people: Sequence[Someone]) -> None:
    """Let these people opt out, whatever they have got."""
    for one in people:
        assert one.address_id is not None
        suppress(uow, one.address_id, "sms", "stop")


def do(runtime: Runtime, campaign: Started, action: Any, *arguments: Any) -> Any:
    """Run `action(uow, *arguments)` in the campaign's clinic."""
    with runtime.database.transaction(campaign.clinic_id, SYSTEM) as uow:
        return action(uow, *arguments)


def pauses(runtime: Runtime, campaign: Started) -> bool:
    """Pause a campaign; return whether it was not over yet."""
    try:
        do(runtime, campaign, actions.pause, campaign.id)
    except CampaignOver:
        return False
    return True


def die_at(practice: Practice, point: str) -> int:
    """Let workers die at a point as often as the profile says; return how often they did."""
    before = sum(practice.supervisor.deaths(name) for name in WORKERS)

    def deaths() -> int:
        return sum(practice.supervisor.deaths(name) for name in WORKERS) - before

    for name in WORKERS:
        practice.supervisor.restart(name, FRONTDESK_KILL_AT=point)
    seconds = PROFILE.kills_a_point * KILLED_WITHIN_SECONDS
    until(lambda: deaths() >= PROFILE.kills_a_point, seconds=seconds)
    died = deaths()
    for name in WORKERS:
        practice.supervisor.restart(name)
    return died


def kill_at_random(practice: Practice, dice: random.Random, campaigns: Sequence[Started]) -> None:
    """Kill processes as these campaigns go on, and return when they are finished."""
    ids = [each.id for each in campaigns]
    names = [*WORKERS, "scheduler"]
    for part in range(1, RANDOM_KILLS + 1):
        until(
            lambda part=part: done(practice, ids) >= part / RANDOM_KILLS,  # type: ignore[misc]
            seconds=PROFILE.campaign_seconds,
            every=0.2,
        )
        if part < RANDOM_KILLS:
            practice.supervisor.kill(dice.choice(names))
    until(lambda: are_finished(practice, ids), seconds=PROFILE.campaign_seconds, every=0.2)


def done(practice: Practice, ids: Sequence[UUID]) -> float:
    """Return which part of the people of these campaigns was looked at."""
    [row] = practice.records.rows(
        "SELECT sum(entered + left_out) AS decided FROM campaigns WHERE id = ANY(%s)", list(ids)
    )
    return float(row["decided"]) / (len(ids) * PROFILE.campaign_people)


def are_finished(practice: Practice, ids: Sequence[UUID]) -> bool:
    """Say whether these campaigns are finished."""
    rows = practice.records.rows("SELECT state FROM campaigns WHERE id = ANY(%s)", list(ids))
    return {row["state"] for row in rows} == {"finished"}


def entered_by_campaign(practice: Practice) -> dict[UUID, int]:
    """Return how many entered through each campaign."""
    return {row["id"]: row["entered"] for row in practice.records.rows("TABLE campaigns")}


def await_quiet(practice: Practice) -> None:
    """Wait until every text is settled and nothing is left to do."""
    try:
        until(lambda: is_quiet(practice), seconds=PROFILE.campaign_seconds, every=0.5)
    except AssertionError:
        left = f"{practice.records.undone()} {practice.records.dead()[:5]}"
        raise AssertionError(f"{left}\n{practice.supervisor.last_words()}") from None
    assert not practice.records.dead()
    assert not practice.supervisor.broken, practice.supervisor.last_words()


def is_quiet(practice: Practice) -> bool:
    """Say whether nothing is left to do, now or later: a text may go again in a while."""
    [row] = practice.records.rows(
        "SELECT count(*) AS open FROM communications"
        " WHERE status IN ('queued', 'sending', 'unconfirmed')"
    )
    [waiting] = practice.records.rows(
        "SELECT count(*) AS live FROM enrollments WHERE state = 'live'"
    )
    return not row["open"] and not waiting["live"] and not practice.records.undone()


def assert_each_once(practice: Practice, campaigns: Sequence[Started]) -> dict[str, int]:
    """Compare everybody with what became of them; return how many have which result."""
    rows = practice.records.rows(
        "SELECT contact_id, result, enrollment_id FROM campaign_people ORDER BY id"
    )
    known = {one.contact_id: one.kind for each in campaigns for one in each.people}
    assert len(rows) == len(known)
    results = {row["contact_id"]: row["result"] for row in rows}
    assert results.keys() == known.keys()
    for contact_id, kind in known.items():
        allowed = {"agreed": ("entered",), "late": ("entered", "suppressed")}
        assert results[contact_id] in allowed.get(kind, (REASONS.get(kind),))
    entered = {row["contact_id"]: row["enrollment_id"] for row in rows if row["enrollment_id"]}
    assert entered.keys() == {one for one, result in results.items() if result == "entered"}
    passages = practice.records.rows("SELECT id, contact_id FROM enrollments")
    assert {row["contact_id"]: row["id"] for row in passages} == entered
    assert len(passages) == len(entered)
    assert_one_text_each(practice, known, entered.keys())
    assert_counted(practice)
    return dict(Counter(results.values()))


def assert_one_text_each(practice: Practice, known: dict[UUID, str], entered: Any) -> None:
    """Whoever entered was sent one text; of who opted out meanwhile at most one was."""
    asked = Counter(one.to for one in practice.provider.ledger())
    assert max(asked.values()) == 1
    texts = practice.records.rows("SELECT contact_id, status FROM communications")
    assert len(texts) == len({row["contact_id"] for row in texts})
    assert {row["contact_id"] for row in texts} <= set(entered)
    sent = {row["contact_id"] for row in texts if row["status"] in ("sent", "delivered")}
    assert sent >= {one for one, kind in known.items() if kind == "agreed"}
    assert sum(asked.values()) == len(sent)


def assert_counted(practice: Practice) -> None:
    """What each campaign says of its people is what its people say."""
    for row in practice.records.rows(
        "SELECT c.people, c.entered, c.left_out, count(*) AS all,"
        " count(*) FILTER (WHERE p.result = 'entered') AS let_in"
        " FROM campaigns c JOIN campaign_people p ON p.campaign_id = c.id GROUP BY c.id,"
        " c.people, c.entered, c.left_out"
    ):
        assert (row["people"], row["entered"]) == (row["all"], row["let_in"])
        assert row["left_out"] == row["all"] - row["let_in"]
