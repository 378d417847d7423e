"""Who of an audience can be reached, and why the others are left out: one statement for all.

It asks what the gate will ask of an address that a text would go to now. The gate's word still
counts: it is asked of every text again, just before that leaves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from automations.campaigns.audience import Audience, family, latest_address, people_of, zone_of
from automations.campaigns.models import Result
from automations.definitions import Reentry, SequenceDefinition
from automations.models import Enrollment
from crm.compliance.gate import TIERS
from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Contact
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import KINDS
from crm.messaging.models import Template

Spoken = frozenset[tuple[str, str]]
"""The channels and message classes in which a sequence speaks to people."""

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_consents: Any = Consent.__table__  # type: ignore[attr-defined]
_suppressions: Any = Suppression.__table__  # type: ignore[attr-defined]
_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_templates: Any = Template.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Plan:
    """What a campaign would do now: whom it is for, with which sequence, by the clinic's days."""

    audience: Audience
    automation_id: UUID | None
    reentry: Reentry
    spoken: Spoken
    zone: ZoneInfo


@dataclass(frozen=True)
class Counted:
    """How many an audience holds, how many of them are reached, and how many not, by reason."""

    reached: int
    left_out: Mapping[Result, int]

    @property
    def people(self) -> int:
        """How many the audience holds."""
        return self.reached + sum(self.left_out.values())


@dataclass(frozen=True)
class Standing:
    """How a person stands to a campaign: the lead it would be about, and why not, if not."""

    lead_id: UUID | None
    reason: Result | None


def plan_for(
    uow: UnitOfWork, audience: Audience, automation_id: UUID, definition: SequenceDefinition
) -> Plan:
    """Return what a campaign with this sequence would do now."""
    spoken = spoken_by(uow, definition)
    return Plan(audience, automation_id, definition.reentry, spoken, zone_of(uow))


def spoken_by(uow: UnitOfWork, definition: SequenceDefinition) -> Spoken:
    """Return how a sequence speaks, in any of its branches: a marketing template sells (LAW-2)."""
    steps = [place.step for place in definition.program if place.step.speaks is not None]
    channels = {getattr(step, "template_id", None): step.speaks or "" for step in steps}
    t = _templates.c
    rows = uow.session.execute(
        select(t.id, t.message_class).where(
            t.clinic_id == uow.clinic_id, among(t.id, sorted(filter(None, channels)))
        )
    )
    return frozenset(
        (channels[row.id], "marketing" if row.message_class == "marketing" else "care")
        for row in rows
    )


def count(uow: UnitOfWork, plan: Plan) -> Counted:
    """Return how many would be reached now, and how many not, by reason."""
    standing = _standing(uow, plan).order_by(None).subquery("standing")
    rows = uow.session.execute(
        select(standing.c.reason, func.count().label("people")).group_by(standing.c.reason)
    )
    counted: dict[Any, int] = {row.reason: row.people for row in rows}
    return Counted(counted.pop(None, 0), counted)


def standings(uow: UnitOfWork, plan: Plan, contact_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Return how these people stand to a campaign; whoever is not in its audience is left out."""
    some = _standing(uow, plan).where(among(_contacts.c.id, contact_ids))
    rows = uow.session.execute(some)
    return {row.contact_id: Standing(row.lead_id, row.reason) for row in rows}


def _standing(uow: UnitOfWork, plan: Plan) -> Any:
    """Return (contact_id, lead_id, reason) of an audience; the reason is None for the reached."""
    addresses = {
        channel: latest_address(KINDS[channel], f"{channel}_address")  # type: ignore[index]
        for channel, _ in sorted(plan.spoken)
    }
    people = people_of(plan.audience, uow.clinic_id, plan.zone, uow.now, addresses.values())
    return people.add_columns(_reason(plan, addresses).label("reason"))


def _reason(plan: Plan, addresses: Mapping[str, Any]) -> ColumnElement[Any]:
    reasons: list[tuple[ColumnElement[bool], str]] = [(_passage(plan, live=True), "already_in")]
    if plan.reentry == "never":
        reasons.append((_passage(plan, live=False), "once_only"))
    if addresses:
        known = {channel: address.c.id for channel, address in addresses.items()}
        listed = {channel: _is_suppressed(channel, key) for channel, key in known.items()}
        agreed = [
            and_(not_(listed[channel]), _agreed(channel, purpose, known[channel]))
            for channel, purpose in sorted(plan.spoken)
        ]
        reasons += [
            (_all(key.is_(None) for key in known.values()), "no_address"),
            (_all(or_(known[one].is_(None), listed[one]) for one in known), "suppressed"),
            (not_(or_(false(), *agreed)), "no_consent"),
        ]
    return case(*((condition, literal(reason)) for condition, reason in reasons), else_=None)


def _all(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return and_(true(), *conditions)


def _passage(plan: Plan, *, live: bool) -> ColumnElement[bool]:
    """Whether the person, about whatever lead, is in the sequence, or ever was."""
    c = _enrollments.c
    theirs = exists().where(
        c.clinic_id == _contacts.c.clinic_id,
        c.contact_id == family(),
        c.automation_id == plan.automation_id,
    )
    return theirs.where(c.state == "live") if live else theirs


def _is_suppressed(channel: str, address_id: Any) -> ColumnElement[bool]:
    s = _suppressions.c
    return exists().where(
        s.clinic_id == _contacts.c.clinic_id,
        s.address_id == address_id,
        s.channel == channel,
        s.lifted_at.is_(None),
    )


def _agreed(channel: str, purpose: str, address_id: Any) -> ColumnElement[bool]:
    """Whether the last word of the ledger on a purpose is enough for it."""
    c = _consents.c
    tier = case((c.action == "granted", c.tier), else_="none")
    latest = (
        select(tier.in_(TIERS[purpose]))
        .where(
            c.clinic_id == _contacts.c.clinic_id,
            c.address_id == address_id,
            c.channel == channel,
            c.purpose == purpose,
        )
        .order_by(c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(latest, false())
