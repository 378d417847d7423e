"""Reads of campaigns for pages: all of them, one with its people, and what a form offers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from automations.building.choices import Choices, Options, choices_asked, choices_found
from automations.campaigns.actions import STARTABLE
from automations.campaigns.audience import Audience, zone_of
from automations.campaigns.models import Campaign, CampaignPerson, Result
from automations.campaigns.reach import Counted, Plan, count, plan_for
from automations.enrollments import ORIGIN
from automations.models import Automation
from automations.versions import definitions
from crm.contacts.models import Contact
from crm.contacts.queries import join_person
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.models import Communication
from pipelines.lead.models import Tag
from pipelines.models import Lead
from pipelines.queries import values_seen
from pipelines.sources import source_name

MOST_SHOWN = 200
PAGE = 50


@dataclass(frozen=True)
class Row:
    """A campaign in the list of all."""

    id: UUID
    name: str
    state: str
    sequence: str
    people: int
    entered: int
    left_out: int
    starts_at: datetime | None
    ended_at: datetime | None
    is_stuck: bool


def campaigns(uow: UnitOfWork) -> list[Row]:
    """Return the clinic's campaigns, the newest first, 200 at most."""
    its = (col(Automation.clinic_id) == col(Campaign.clinic_id)) & (
        col(Automation.id) == col(Campaign.automation_id)
    )
    columns: Any = (
        *(col(Campaign.id), col(Campaign.name), col(Campaign.state), col(Automation.name)),
        *(col(Campaign.people), col(Campaign.entered), col(Campaign.left_out)),
        *(col(Campaign.starts_at), col(Campaign.ended_at), col(Campaign.dead_at).is_not(None)),
    )
    query: Any = select(*columns).join_from(Campaign, Automation, its)
    rows = uow.session.execute(
        query.where(col(Campaign.clinic_id) == uow.clinic_id)
        .order_by(col(Campaign.id).desc())
        .limit(MOST_SHOWN)
    )
    return [Row(*row) for row in rows]


@dataclass(frozen=True)
class Offered:
    """What a campaign's form offers: names, sequences that it may start, and what leads have."""

    choices: Choices
    sequences: Options
    tags: Options
    sources: Options
    services: Options


def offered(uow: UnitOfWork) -> Offered:
    """Return what a campaign's form offers, read with one statement."""
    sequences: Any = select(col(Automation.id), col(Automation.name))
    tags: Any = select(col(Tag.id), col(Tag.name))
    found = together(
        uow,
        startable=sequences.where(
            col(Automation.clinic_id) == uow.clinic_id,
            col(Automation.version_id).is_not(None),
            col(Automation.trigger_kind).in_(STARTABLE),
        ).order_by(col(Automation.name)),
        tags=tags.where(col(Tag.clinic_id) == uow.clinic_id).order_by(col(Tag.folded)),
        sources=values_seen(uow, col(Lead.source)),
        services=values_seen(uow, col(Lead.service)),
        **choices_asked(uow),
    )
    return Offered(
        choices_found(found),
        [(str(row.id), row.name) for row in found["startable"]],
        [(str(row.id), row.name) for row in found["tags"]],
        [(row.value, source_name(row.value)) for row in found["sources"]],
        [(row.value, row.value) for row in found["services"]],
    )


def reach_of(uow: UnitOfWork, audience: Audience, automation_id: UUID | None) -> Counted:
    """Return whom a campaign would reach now; without a sequence, how many it would be for.

    Raises NotFound for a sequence that is unknown; one that is not published reaches everybody.
    """
    automation = uow.get(Automation, automation_id) if automation_id else None
    if automation is None or automation.version_id is None:
        return count(uow, Plan(audience, None, "after_end", frozenset(), zone_of(uow)))
    definition = definitions(uow, [automation.version_id])[automation.version_id]
    return count(uow, plan_for(uow, audience, automation.id, definition))


@dataclass(frozen=True)
class PersonShown:
    """Somebody in a campaign: what became of them and when, and the lead that it is about."""

    contact_id: UUID
    lead_id: UUID | None
    name: str
    result: str
    decided_at: datetime | None


@dataclass(frozen=True)
class People:
    """How many have which result, a page of those asked for, and after whom the next begins."""

    results: Mapping[Result, int]
    rows: Sequence[PersonShown]
    after: UUID | None


def people_in(
    uow: UnitOfWork, campaign_id: UUID, result: Result | None = None, after: UUID | None = None
) -> People:
    """Return a page of a campaign's people, with one statement for all."""
    of_it = (
        col(CampaignPerson.clinic_id) == uow.clinic_id,
        col(CampaignPerson.campaign_id) == campaign_id,
    )
    results: Any = select(col(CampaignPerson.result), func.count().label("people"))
    found = together(
        uow,
        results=results.where(*of_it).group_by(col(CampaignPerson.result)),
        people=_page(of_it, result, after),
    )
    rows = found["people"]
    return People(
        {row.result: row.people for row in found["results"]},
        [PersonShown(**vars(row)) for row in rows[:PAGE]],
        rows[PAGE - 1].contact_id if len(rows) > PAGE else None,
    )


@dataclass(frozen=True)
class Messages:
    """What became of the messages to those who entered: how many left, wait, are held and did not
    arrive or were not allowed, and the reasons of the last two, the most frequent first."""

    sent: int
    waiting: int
    held: int
    not_sent: int
    reasons: Sequence[tuple[str, int]]


def messages_of(uow: UnitOfWork, campaign_id: UUID) -> Messages:
    """Return what became of a campaign's messages, counted by one statement."""
    its = (col(Communication.clinic_id) == col(CampaignPerson.clinic_id)) & (
        col(Communication.origin_id) == col(CampaignPerson.enrollment_id)
    )
    told = func.coalesce(col(Communication.held_reason), col(Communication.reason))
    columns: Any = (col(Communication.status), col(Communication.channel), told.label("why"))
    counted: Any = (*columns, func.count().label("number"))
    query: Any = select(*counted)
    rows = uow.session.execute(
        query.select_from(CampaignPerson)
        .join(Communication, its)
        .where(
            col(CampaignPerson.clinic_id) == uow.clinic_id,
            col(CampaignPerson.campaign_id) == campaign_id,
            col(Communication.origin_kind) == ORIGIN,
        )
        .group_by(*columns)
        .order_by(func.count().desc())
    ).all()
    many = Counter(dict.fromkeys(("sent", "waiting", "held", "not_sent"), 0))
    for row in rows:
        many[_became(row.status, row.why)] += row.number
    kept_back = [row for row in rows if _became(row.status, row.why) in ("held", "not_sent")]
    reasons = [(states.reason(row.why, row.channel), row.number) for row in kept_back if row.why]
    return Messages(**many, reasons=reasons)


def _became(status: str, why: str | None) -> str:
    if status in ("sent", "delivered"):
        return "sent"
    if status in ("queued", "sending", "unconfirmed"):
        return "held" if status == "queued" and why else "waiting"
    return "not_sent"


def _page(of_it: Sequence[Any], result: Result | None, after: UUID | None) -> Any:
    person = aliased(Contact)
    columns: Any = (
        *(col(CampaignPerson.contact_id), col(CampaignPerson.lead_id), col(person.name)),
        *(col(CampaignPerson.result), col(CampaignPerson.decided_at)),
    )
    query: Any = join_person(select(*columns).select_from(CampaignPerson), CampaignPerson, person)
    if result is not None:
        query = query.where(col(CampaignPerson.result) == result)
    if after is not None:
        query = query.where(col(CampaignPerson.contact_id) > after)
    return query.where(*of_it).order_by(col(CampaignPerson.contact_id)).limit(PAGE + 1)
