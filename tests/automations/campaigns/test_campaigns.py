"""A campaign gathers its people once and lets each of them in once, or says why not."""

from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import col

from automations.campaigns import actions, performing
from automations.campaigns.actions import CampaignOver, CampaignUnderWay, NotForCampaigns
from automations.events import CampaignChanged, EnrollmentRefused
from automations.sequences import pause, resume
from crm.compliance.actions import suppress
from crm.contacts.models import ContactAddress
from crm.core.clock import Clock
from crm.core.errors import StaleVersion
from crm.core.performing import claim_and_perform
from crm.messaging.actions import add_template
from tests.automations.campaigns.conftest import CAMPAIGN, Campaigns
from tests.automations.conftest import CREATED, DAY, SEND


def test_everybody_enters_once_and_the_campaign_is_finished(campaigns: Campaigns) -> None:
    people = campaigns.people(3)
    campaign = campaigns.started()
    campaigns.run()

    row = campaigns.row(campaign)
    assert (row.state, row.people, row.entered, row.left_out) == ("finished", 3, 3, 0)
    assert (row.due_at, row.lease_token) == (None, None)
    entered = campaigns.persons(campaign)
    assert {one.contact_id for one in entered} == set(people)
    passages = campaigns.practice.enrollments("Recall")
    assert {one.id for one in passages} == {one.enrollment_id for one in entered}
    assert {one.queue for one in passages} == {"bulk"}
    told = campaigns.practice.told(CampaignChanged)
    assert [one.payload["state"] for one in told] == ["gathering", "running", "finished"]


def test_the_texts_go_through_the_queue_behind_everything_else(campaigns: Campaigns) -> None:
    campaigns.people(2)
    campaigns.started()
    campaigns.run()
    campaigns.practice.runtime.clock.advance(seconds=6)
    assert claim_and_perform(campaigns.practice.runtime, "enrollments", queue="bulk") == 2
    assert {one.queue for one in campaigns.practice.texts()} == {"bulk"}


def test_who_cannot_be_reached_is_left_out_with_the_reason(campaigns: Campaigns) -> None:
    [reached, stopped] = campaigns.people(2)
    [silent] = campaigns.people(1, tier="none")
    nowhere = campaigns.practice.person(None)
    campaigns.practice.do(suppress, campaigns.address_of(stopped), "sms", "stop")
    campaign = campaigns.started()
    campaigns.run()

    results = {one.contact_id: one.result for one in campaigns.persons(campaign)}
    assert results == {
        reached: "entered",
        stopped: "suppressed",
        silent: "no_consent",
        nowhere: "no_address",
    }
    row = campaigns.row(campaign)
    assert (row.people, row.entered, row.left_out) == (4, 1, 3)
    refused = campaigns.practice.told(EnrollmentRefused)
    assert {one.contact_id: one.payload["reason"] for one in refused} == {
        stopped: "suppressed",
        silent: "no_consent",
        nowhere: "no_address",
    }


def test_what_sells_needs_the_written_consent(campaigns: Campaigns) -> None:
    words = {"en": "Now less, {{ first_name }}."}
    campaigns.practice.do(add_template, "Offer", words, "marketing")
    campaigns.automation = campaigns.practice.publish(
        "Offers", CAMPAIGN, {"kind": "send_text", "template": "Offer"}
    )
    [care] = campaigns.people(1)
    [written] = campaigns.people(1, purpose="marketing", tier="written")
    campaign = campaigns.started()
    campaigns.run()
    assert campaigns.result(campaign, care) == "no_consent"
    assert campaigns.result(campaign, written) == "entered"


def test_who_opts_out_between_gathering_and_entering_does_not_enter(campaigns: Campaigns) -> None:
    [one, other] = campaigns.people(2)
    campaign = campaigns.started()
    campaigns.chunk()
    assert campaigns.results(campaign) == {"waiting": 2}
    campaigns.practice.do(suppress, campaigns.address_of(one), "sms", "stop")
    campaigns.run()
    assert campaigns.result(campaign, one) == "suppressed"
    assert campaigns.result(campaign, other) == "entered"


def test_who_has_moved_on_since_the_gathering_does_not_enter(campaigns: Campaigns) -> None:
    [one, other] = campaigns.people(2)
    leads = [campaigns.practice.lead(contact) for contact in (one, other)]
    campaign = campaigns.started(stage_ids=(campaigns.practice.stage("New"),))
    campaigns.chunk()
    campaigns.practice.move(leads[0], "Booked")
    campaigns.run()
    assert campaigns.result(campaign, one) == "no_longer"
    assert campaigns.result(campaign, other) == "entered"


def test_who_was_merged_meanwhile_enters_as_whom_they_are_now(campaigns: Campaigns) -> None:
    [old, other_old] = campaigns.people(2)
    campaign = campaigns.started()
    campaigns.chunk()
    [new] = campaigns.people(1)
    campaigns.practice.merge(old, new)
    campaigns.practice.merge(other_old, new)
    campaigns.run()
    assert campaigns.results(campaign) == {"merged": 2, "entered": 1}
    assert campaigns.result(campaign, new) == "entered"
    assert campaigns.row(campaign).people == 3


def test_who_has_no_address_left_is_left_out(campaigns: Campaigns) -> None:
    [gone] = campaigns.people(1)
    campaign = campaigns.started()
    campaigns.chunk()
    theirs = delete(ContactAddress).where(col(ContactAddress.contact_id) == gone)
    campaigns.practice.do(lambda uow: uow.session.execute(theirs))
    campaigns.run()
    assert campaigns.result(campaign, gone) == "no_address"


def test_who_is_in_the_sequence_already_is_left_alone(campaigns: Campaigns) -> None:
    [contact] = campaigns.people(1)
    first = campaigns.started()
    campaigns.run()
    second = campaigns.started()
    campaigns.run()
    assert campaigns.result(first, contact) == "entered"
    assert campaigns.result(second, contact) == "already_in"
    assert len(campaigns.practice.enrollments("Recall")) == 1


def test_who_went_through_a_sequence_for_once_is_not_taken_again(campaigns: Campaigns) -> None:
    campaigns.automation = campaigns.practice.publish(
        "Once", CAMPAIGN, {"kind": "stop"}, reentry="never"
    )
    [contact] = campaigns.people(1)
    campaigns.started()
    campaigns.run()
    campaigns.practice.runtime.clock.advance(seconds=6)
    claim_and_perform(campaigns.practice.runtime, "enrollments", queue="bulk")
    again = campaigns.started()
    campaigns.run()
    assert campaigns.result(again, contact) == "once_only"


def test_the_conditions_of_the_sequence_are_asked(campaigns: Campaigns) -> None:
    campaigns.automation = campaigns.practice.publish(
        "Spanish", CAMPAIGN, SEND, conditions=[{"kind": "language_is", "language": "es"}]
    )
    [contact] = campaigns.people(1)
    campaign = campaigns.started()
    campaigns.run()
    assert campaigns.result(campaign, contact) == "conditions"


def test_a_lost_lead_is_not_what_it_is_about(campaigns: Campaigns) -> None:
    [one, other] = campaigns.people(2)
    lost, opened = (campaigns.practice.lead(contact) for contact in (one, other))
    campaigns.practice.move(lost, "Lost")
    campaigns.started()
    campaigns.run()
    about = {one.contact_id: one.lead_id for one in campaigns.practice.enrollments("Recall")}
    assert about == {one: None, other: opened}


def test_a_rate_is_kept(campaigns: Campaigns, clock: Clock) -> None:
    campaigns.people(5)
    campaign = campaigns.started(rate=2, per="minute")
    campaigns.chunk()
    campaigns.chunk()
    assert campaigns.row(campaign).entered == 2
    assert campaigns.chunk(seconds=50) == 0
    assert campaigns.chunk(seconds=10) == 1
    assert campaigns.row(campaign).entered == 4
    # Who was late does not catch up at once.
    campaigns.chunk(seconds=3600)
    assert campaigns.row(campaign).entered == 5


def test_less_than_one_a_minute(campaigns: Campaigns) -> None:
    campaigns.people(2)
    campaign = campaigns.started(rate=30, per="hour")
    campaigns.chunk()
    campaigns.chunk()
    assert campaigns.row(campaign).entered == 1
    assert campaigns.chunk(seconds=110) == 0
    assert campaigns.chunk(seconds=20) == 1


def test_who_is_left_out_takes_nobodys_turn(campaigns: Campaigns) -> None:
    campaigns.people(3, tier="none")
    campaigns.people(1)
    campaign = campaigns.started(rate=1, per="hour")
    for _ in range(5):
        campaigns.chunk()
    assert campaigns.results(campaign) == {"no_consent": 3, "entered": 1}


def test_a_campaign_begins_at_its_time(campaigns: Campaigns, clock: Clock) -> None:
    campaigns.people(1)
    later = campaigns.practice.do(lambda uow: uow.now) + timedelta(hours=2)
    campaign = campaigns.started(starts_at=later)
    assert campaigns.row(campaign).state == "scheduled"
    assert campaigns.chunk(seconds=7000) == 0
    campaigns.practice.do(actions.pause, campaign)
    campaigns.practice.do(actions.resume, campaign)
    assert campaigns.row(campaign).state == "scheduled"
    assert campaigns.chunk(seconds=300) == 1
    campaigns.run()
    assert campaigns.row(campaign).state == "finished"


def test_paused_nobody_enters_and_resumed_it_goes_on_where_it_was(
    campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "ENTER_AT_ONCE", 2)
    monkeypatch.setattr(performing, "GATHERED_AT_ONCE", 3)
    campaigns.people(5)
    campaign = campaigns.started()
    for taken in (3, 5, 5, 5):
        campaigns.chunk()
        assert campaigns.row(campaign).people == taken
        campaigns.practice.do(actions.pause, campaign)
        assert campaigns.chunk(seconds=600) == 0
        campaigns.practice.do(actions.resume, campaign)
    assert campaigns.results(campaign) == {"entered": 4, "waiting": 1}
    campaigns.run()
    assert campaigns.results(campaign) == {"entered": 5}


def test_stopped_whoever_waits_never_enters(
    campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "ENTER_AT_ONCE", 2)
    campaigns.people(5)
    campaign = campaigns.started()
    campaigns.chunk()
    campaigns.chunk()
    campaigns.practice.do(actions.stop, campaign)
    campaigns.practice.do(actions.stop, campaign)
    campaigns.run()
    assert campaigns.results(campaign) == {"entered": 2, "stopped": 3}
    row = campaigns.row(campaign)
    assert (row.state, row.entered, row.left_out) == ("stopped", 2, 3)
    with pytest.raises(CampaignOver):
        campaigns.practice.do(actions.resume, campaign)


def test_while_its_sequence_is_paused_it_waits(campaigns: Campaigns) -> None:
    campaigns.people(2)
    campaign = campaigns.started()
    campaigns.practice.do(pause, campaigns.automation.id)
    campaigns.chunk()
    campaigns.chunk()
    assert campaigns.chunk() == 0
    assert campaigns.results(campaign) == {"waiting": 2}
    campaigns.practice.do(resume, campaigns.automation.id)
    campaigns.run(seconds=400)
    assert campaigns.results(campaign) == {"entered": 2}


def test_a_draft_is_changed_and_started_as_it_was_seen(campaigns: Campaigns) -> None:
    campaign = campaigns.draft()
    draft = actions.Draft("Later", campaigns.automation.id, actions.Audience(), 5, "minute")
    campaigns.practice.do(actions.change_campaign, campaign, 1, draft)
    with pytest.raises(StaleVersion):
        campaigns.practice.do(actions.start, campaign, 1)
    campaigns.practice.do(actions.start, campaign, 2)
    assert campaigns.row(campaign).name == "Later"
    for action in (actions.start, actions.delete_draft):
        with pytest.raises(CampaignUnderWay):
            campaigns.practice.do(action, campaign, 2)
    with pytest.raises(CampaignUnderWay):
        campaigns.practice.do(actions.change_campaign, campaign, 2, draft)


def test_a_sequence_that_answers_an_event_is_none_for_campaigns(campaigns: Campaigns) -> None:
    campaigns.automation = campaigns.practice.publish("Welcome", CREATED, SEND, DAY)
    with pytest.raises(NotForCampaigns):
        campaigns.draft()


def test_one_started_by_hand_is(campaigns: Campaigns) -> None:
    [contact] = campaigns.people(1)
    campaigns.automation = campaigns.practice.publish("By hand", {"kind": "by_hand"}, SEND)
    campaign = campaigns.started()
    campaigns.run()
    assert campaigns.result(campaign, contact) == "entered"
