"""Several people on one phone, and the same phone in two clinics."""

from typing import Any

from sqlmodel import col

from automations.campaigns import actions
from automations.campaigns.actions import Draft
from automations.campaigns.audience import Audience
from automations.models import Automation
from crm.compliance.models import Suppression
from crm.contacts.models import Address, Contact
from pipelines.models import Lead
from tests.conftest import Drain
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import only
from tests.support.houses import PHONE, House


def test_two_people_on_one_phone_have_a_lead_each(house: House, drain: Drain) -> None:
    mother = house.ask(name="Robin Vale")
    son = house.ask(name="Casey Vale")
    drain()
    assert mother != son
    assert len(house.all(Contact)) == 2
    assert len(house.all(Address)) == 1
    assert {body[:9] for body in house.sent(PHONE)} == {"Hi Robin,", "Hi Casey,"}
    # Each is about his own lead.
    assert {text.row.lead_id for text in house.texts(PHONE)} == {mother, son}


def test_an_answer_from_a_shared_phone_ends_the_sequences_of_both(
    house: House, drain: Drain
) -> None:
    house.ask(name="Robin Vale")
    house.ask(name="Casey Vale")
    drain()
    house.receive("We can both come on Friday")
    drain()
    assert [one.exit_reason for one in house.enrollments()] == ["replied", "replied"]


def test_a_stop_from_a_shared_phone_is_for_everybody_who_uses_it(
    house: House, drain: Drain
) -> None:
    house.ask(name="Robin Vale")
    house.ask(name="Casey Vale")
    drain()
    house.receive("STOP")
    drain()
    assert [one.exit_reason for one in house.enrollments()] == ["opted_out", "opted_out"]
    house.ask(name="Jo Vale")
    drain()
    blocked = house.texts(PHONE)[-1]
    assert (blocked.row.status, blocked.row.reason) == ("blocked", "suppressed")
    assert len(house.sent(PHONE)) == 3


def test_a_campaign_reaches_people_who_share_a_phone_one_after_another(
    house: House, drain: Drain
) -> None:
    publish(house, "Recall", {"kind": "campaign"}, TEXT)
    [recall] = [one for one in house.all(Automation) if one.name == "Recall"]
    only(house, "Recall")
    for name in ("Robin Vale", "Casey Vale"):
        house.ask(name=name)
    drain()
    given: Any = {"starts_at": None, "rate": 100, "rate_per": "minute"}
    campaign = house.do(actions.draft_campaign, Draft("Recall", recall.id, Audience(), **given))
    house.do(actions.start, campaign.id, 1)
    for _ in range(4):
        drain()
        house.runtime.clock.advance(minutes=1)

    states = [(text.row.status, text.row.held_reason) for text in house.texts(PHONE)]
    assert states == [("sent", None), ("queued", "other_voice")]
    house.runtime.clock.advance(hours=4)
    drain()
    assert [text.row.status for text in house.texts(PHONE)] == ["sent", "sent"]


def test_two_clinics_never_meet(house: House, other_house: House, drain: Drain) -> None:
    ours = house.ask(name="Robin Vale")
    theirs = other_house.ask(name="Robin Vale")
    drain()
    assert ours != theirs
    [own] = house.sent(PHONE)
    [other] = other_house.sent(PHONE)
    assert "Riverside Dental" in own
    assert "Hillside Eyes" in other
    assert house.all(Contact)[0].id != other_house.all(Contact)[0].id
    assert house.all(Address)[0].id != other_house.all(Address)[0].id

    house.receive("STOP")
    drain()
    assert house.enrollments()[0].exit_reason == "opted_out"
    assert other_house.all(Suppression) == []
    [still] = other_house.enrollments()
    assert still.state == "live"
    assert other_house.texts(direction="in") == []
    assert still.due_at is not None
    house.set_instant(still.due_at)
    drain()
    assert len(other_house.sent(PHONE)) == 2
    assert len(house.sent(PHONE)) == 2

    # Nor do their pages.
    assert house.signed_in().get(f"/leads/{theirs}").status_code == 404
    assert other_house.signed_in().get(f"/leads/{ours}").status_code == 404
    assert [lead.id for lead in house.all(Lead, col(Lead.id).in_([ours, theirs]))] == [ours]
