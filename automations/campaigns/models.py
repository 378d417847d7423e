"""Tables of campaigns: what each is, and what became of every person in it."""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from crm.core.models import ClinicScoped, DataClass, Due, due_indexes, one_of, reference, table_args

State = Literal["draft", "scheduled", "gathering", "running", "paused", "stopped", "finished"]
STATES: tuple[State, ...] = get_args(State)
GOING: tuple[State, ...] = ("scheduled", "gathering", "running")
"""The states in which a worker has something to do."""

RatePer = Literal["minute", "hour"]
RATES: tuple[RatePer, ...] = get_args(RatePer)

Result = Literal[
    "waiting",
    "entered",
    "no_address",
    "suppressed",
    "no_consent",
    "already_in",
    "once_only",
    "conditions",
    "loop",
    "no_longer",
    "merged",
    "stopped",
]
RESULTS: tuple[Result, ...] = get_args(Result)


class Campaign(ClinicScoped, Due, table=True):
    """A sequence started for whoever an audience holds; one that goes has a `due_at`, or is dead.

    `cursor` is the contact up to which people were gathered, `gathered_at` when all were. `people`,
    `entered` and `left_out` count its people's results.
    """

    __tablename__ = "campaigns"
    __table_args__ = table_args(
        reference("automation_id", "automations"),
        one_of("state", STATES),
        one_of("rate_per", RATES),
        *due_indexes("campaigns"),
    )
    retention = DataClass.SETTINGS

    name: str
    automation_id: UUID
    audience: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    state: str = "draft"
    starts_at: datetime | None = Field(default=None, description="None: once somebody starts it.")
    rate: int = Field(description="How many people enter in a `rate_per` at most.")
    rate_per: str = "hour"
    cursor: UUID | None = None
    gathered_at: datetime | None = None
    people: int = 0
    entered: int = 0
    left_out: int = 0
    version: int = Field(default=1, description="How often the draft was changed.")
    started_by: UUID | None = Field(default=None, description="The user who started it.")
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime


class CampaignPerson(ClinicScoped, table=True):
    """One contact of a campaign, once: waiting, in the sequence, or why not."""

    __tablename__ = "campaign_people"
    __table_args__ = table_args(
        reference("campaign_id", "campaigns"),
        reference("contact_id", "contacts"),
        reference("lead_id", "leads"),
        reference("enrollment_id", "enrollments"),
        one_of("result", RESULTS),
        UniqueConstraint("clinic_id", "campaign_id", "contact_id"),
        # Who is next, and a page of those with a result: both go by the contact.
        Index("ix_campaign_people_result", "clinic_id", "campaign_id", "result", "contact_id"),
    )
    retention = DataClass.LEAD

    campaign_id: UUID
    contact_id: UUID
    lead_id: UUID | None = None
    result: str = "waiting"
    enrollment_id: UUID | None = None
    decided_at: datetime | None = None
