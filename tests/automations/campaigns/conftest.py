"""A clinic with a sequence for campaigns, people who agreed, and a worker that takes chunks."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from automations.campaigns import actions
from automations.campaigns.actions import Draft
from automations.campaigns.audience import Audience
from automations.campaigns.models import Campaign, CampaignPerson
from automations.models import Automation
from crm.compliance.actions import NewConsent, record_consents
from crm.contacts.actions import Person, match_or_create
from crm.contacts.models import ContactAddress
from crm.core.performing import claim_and_perform
from crm.core.uow import UnitOfWork
from tests.automations.conftest import SEND, Practice

CAMPAIGN = {"kind": "campaign"}


@dataclass
class Campaigns:
    """Campaigns of a practice; each call is a transaction of its own."""

    practice: Practice
    automation: Automation
    known: int = field(default=0)

    def people(self, count: int, **consent: Any) -> list[UUID]:
        """Add people with a phone each who agreed to texts about their care."""
        self.known += count
        numbers = range(self.known - count, self.known)
        ids: list[UUID] = self.practice.do(_people, numbers, consent)
        return ids

    def draft(self, rate: int = 6_000, per: str = "minute", **audience: Any) -> UUID:
        """Draft a campaign; return its id."""
        given: Any = {"starts_at": audience.pop("starts_at", None), "rate_per": per, "rate": rate}
        draft = Draft("Recall", self.automation.id, Audience(**audience), **given)
        made: Campaign = self.practice.do(actions.draft_campaign, draft)
        return made.id

    def started(self, **given: Any) -> UUID:
        """Draft a campaign and start it; return its id."""
        campaign_id = self.draft(**given)
        self.practice.do(actions.start, campaign_id, 1)
        return campaign_id

    def row(self, campaign_id: UUID) -> Campaign:
        """Return a campaign as it is now."""
        row: Campaign = self.practice.do(lambda uow: uow.get(Campaign, campaign_id))
        return row

    def chunk(self, *, seconds: float = 6) -> int:
        """Let a worker take what is due once; return how many campaigns it took."""
        self.practice.runtime.clock.advance(seconds=seconds)
        return claim_and_perform(self.practice.runtime, "campaigns", queue="bulk")

    def run(self, *, seconds: float = 60, most: int = 100) -> None:
        """Let workers take chunks until no campaign is due soon."""
        for _ in range(most):
            if not self.chunk(seconds=seconds):
                return
        raise AssertionError("never quiet")

    def persons(self, campaign_id: UUID) -> list[CampaignPerson]:
        """Return the people of a campaign by contact."""
        mine = select(CampaignPerson).where(col(CampaignPerson.campaign_id) == campaign_id)
        query = mine.order_by(col(CampaignPerson.contact_id))
        return list(self.practice.do(lambda uow: uow.session.scalars(query).all()))

    def results(self, campaign_id: UUID) -> dict[str, int]:
        """Return how many people have which result."""
        return dict(Counter(one.result for one in self.persons(campaign_id)))

    def result(self, campaign_id: UUID, contact_id: UUID) -> str:
        """Return what became of one person."""
        [one] = [one for one in self.persons(campaign_id) if one.contact_id == contact_id]
        return one.result

    def address_of(self, contact_id: UUID) -> UUID:
        """Return the one address that somebody uses."""
        query = select(col(ContactAddress.address_id)).where(
            col(ContactAddress.contact_id) == contact_id
        )
        found: UUID = self.practice.do(lambda uow: uow.session.scalars(query).one())
        return found


def _people(uow: UnitOfWork, numbers: range, consent: dict[str, Any]) -> list[UUID]:
    people = [Person(f"Pat {n}", f"+1212{3_000_000 + n}", None, "en") for n in numbers]
    matched = match_or_create(uow, people)
    if consent.get("tier") != "none":
        given: dict[str, Any] = {"purpose": "care", "tier": "express", **consent}
        record_consents(
            uow,
            [
                NewConsent(
                    address_id=one.address_ids["phone"],
                    contact_id=one.contact_id,
                    channel="sms",
                    action="granted",
                    **given,
                )
                for one in matched
            ],
        )
    return [one.contact_id for one in matched]


@pytest.fixture
def campaigns(practice: Practice) -> Campaigns:
    """A clinic with a sequence that a campaign may start."""
    return Campaigns(practice, practice.publish("Recall", CAMPAIGN, SEND))
