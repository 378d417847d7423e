"""A lead's details, changed one at a time by who saw the latest version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args
from uuid import UUID

from babel.numbers import NumberFormatError, parse_decimal
from sqlmodel import col, select

from crm.accounts.models import Clinic, Membership
from crm.contacts import editing
from crm.contacts.models import Contact
from crm.core.errors import N_, Invalid, StaleVersion
from crm.core.uow import UnitOfWork
from crm.web.formats import money_locale
from pipelines import counters
from pipelines.actions import lock_leads
from pipelines.lead.events import LeadDetailChanged
from pipelines.models import Lead

Detail = Literal["name", "phone", "email", "language", "service", "value", "owner", "follow_up"]
DETAILS: tuple[Detail, ...] = get_args(Detail)
OF_PERSON: frozenset[Detail] = frozenset({"name", "phone", "email", "language"})
"""Whose version is the contact's; the others' is the lead's."""

MOST_CENTS = 100_000_000_00
LONGEST_SERVICE = 200
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)

NAMES: Mapping[Detail, str] = {
    "name": N_("Name"),
    "phone": N_("Phone"),
    "email": N_("Email"),
    "language": N_("Language"),
    "service": N_("Service"),
    "value": N_("Value"),
    "owner": N_("Owner"),
    "follow_up": N_("Follow up on"),
}


@dataclass(frozen=True)
class Change:
    """What a detail shall be, as typed; `version` is the one that was seen.

    `address_id` is the phone or the email that is replaced; without it one more is given.
    """

    field: Detail
    value: str
    version: int | None = None
    address_id: UUID | None = None


def change_detail(uow: UnitOfWork, lead_id: UUID, change: Change) -> None:
    """Change one detail of a lead or of its person.

    Raises NotFound, Invalid, StaleVersion: nothing that somebody else wrote meanwhile is lost.
    """
    if change.field in OF_PERSON:
        _change_person(uow, _person_of(uow, lead_id), change)
        lead = lock_leads(uow, [lead_id])[lead_id]
    else:
        lead = lock_leads(uow, [lead_id])[lead_id]
        if change.version is not None and change.version != lead.version:
            raise StaleVersion(editing.OVERTAKEN)
        _change_lead(uow, lead, change)
        lead.version += 1
        uow.session.flush()
    ids = {"lead_id": lead.id, "contact_id": lead.contact_id}
    uow.emit(LeadDetailChanged(order_key=lead.id, field=change.field, **ids))


@dataclass(frozen=True)
class Written:
    """A detail of a lead that a sequence writes: its service, value in cents, owner or day."""

    lead_id: UUID
    field: Literal["service", "value", "owner", "follow_up"]
    value: str | int | UUID | date | None
    cause: tuple[UUID, ...] = ()


def write_details(uow: UnitOfWork, written: Sequence[Written]) -> None:
    """Write details of many leads; what is so already is left alone. Raises NotFound."""
    leads = lock_leads(uow, [one.lead_id for one in written])
    changed = []
    for one in written:
        lead, column = leads[one.lead_id], _COLUMNS[one.field]
        before = getattr(lead, column)
        if before == one.value:
            continue
        if one.field == "value":
            counters.count(uow, lead.stage_id, 0, int(str(one.value)) - lead.value_cents)
        setattr(lead, column, one.value)
        lead.version += 1
        changed.append(one)
    uow.session.flush()
    uow.emit(
        LeadDetailChanged(
            order_key=one.lead_id,
            lead_id=one.lead_id,
            contact_id=leads[one.lead_id].contact_id,
            cause=one.cause,
            field=one.field,
        )
        for one in changed
    )


_COLUMNS: Mapping[Detail, str] = {
    "service": "service",
    "value": "value_cents",
    "owner": "owner_id",
    "follow_up": "follow_up_on",
}


def _person_of(uow: UnitOfWork, lead_id: UUID) -> UUID:
    contact = uow.get(Contact, uow.get(Lead, lead_id).contact_id)
    return contact.merged_into_id or contact.id


def _change_person(uow: UnitOfWork, contact_id: UUID, change: Change) -> None:
    match change.field:
        case "name":
            editing.rename(uow, contact_id, change.value, change.version)
        case "language":
            editing.speak(uow, contact_id, change.value, change.version)
        case "phone" | "email" as kind:
            editing.change_address(
                uow,
                contact_id,
                kind,
                change.value,
                region=_region(uow),
                instead_of=change.address_id,
                version=change.version,
            )


def _change_lead(uow: UnitOfWork, lead: Lead, change: Change) -> None:
    match change.field:
        case "service":
            lead.service = change.value.strip()[:LONGEST_SERVICE] or None
        case "value":
            cents = cents_of(change.value)
            counters.count(uow, lead.stage_id, 0, cents - lead.value_cents)
            lead.value_cents = cents
        case "owner":
            lead.owner_id = _member(uow, change.value) if change.value else None
        case "follow_up":
            lead.follow_up_on = _day(change.value) if change.value else None


def _day(typed: str) -> date:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        raise Invalid(_NO_DAY, field="value") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Invalid(_NO_DAY, field="value")
    return day


def cents_of(typed: str) -> int:
    """Return an amount as the reader of this language types it, in cents. Raises Invalid."""
    digits = "".join(char for char in typed if char not in "$€ \u00a0\u202f")
    if not digits:
        return 0
    try:
        cents = parse_decimal(digits, locale=money_locale(), strict=False) * 100
    except NumberFormatError:
        raise Invalid(_NO_AMOUNT, field="value") from None
    if not cents.is_finite() or not Decimal(0) <= cents <= MOST_CENTS:
        raise Invalid(_NO_AMOUNT, field="value")
    return round(cents)


_NO_DAY = N_("Write this as a date, such as 2026-03-31.")
_NO_AMOUNT = N_("Write an amount, such as 4,800.")


def _member(uow: UnitOfWork, typed: str) -> UUID:
    members = select(col(Membership.user_id)).where(
        col(Membership.clinic_id) == uow.clinic_id, col(Membership.ended_at).is_(None)
    )
    chosen = next((one for one in uow.session.scalars(members) if str(one) == typed), None)
    if chosen is None:
        raise Invalid(N_("Choose somebody who works here."), field="value")
    return chosen


def _region(uow: UnitOfWork) -> str:
    return uow.session.scalars(select(Clinic.region).where(col(Clinic.id) == uow.clinic_id)).one()
