"""Finds leads by what somebody types of a person."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from crm.contacts.models import Contact
from crm.contacts.queries import addresses_of, family_of
from crm.contacts.search import find_contacts
from crm.core.uow import UnitOfWork
from pipelines.models import Lead, Stage

MOST_PEOPLE = 100
"""Whose leads are looked at; more typing leaves fewer."""

SHOWN = 8


@dataclass(frozen=True)
class FoundLead:
    """A lead that was found: whose it is, how they are reached, and where it stands."""

    id: UUID
    name: str = field(repr=False)
    phone: str | None = field(repr=False)
    email: str | None = field(repr=False)
    service: str | None
    stage: str
    is_open: bool
    requested_at: datetime


def find_leads(uow: UnitOfWork, typed: str) -> list[FoundLead]:
    """Return the leads of those that the words lead to, open ones first, then the latest."""
    people = find_contacts(uow, typed, limit=MOST_PEOPLE)
    if not people:
        return []
    rows = uow.session.execute(_leads_of(uow, people)).all()
    reached = _reached(uow, {row.root for row in rows})
    return [
        FoundLead(
            id=row.id,
            name=row.name,
            phone=reached[row.root].get("phone"),
            email=reached[row.root].get("email"),
            service=row.service,
            stage=row.stage,
            is_open=row.kind == "open",
            requested_at=row.requested_at,
        )
        for row in rows
    ]


def _leads_of(uow: UnitOfWork, people: Sequence[UUID]) -> Select[*tuple[Any, ...]]:
    family = family_of(uow, people)
    return (
        select(
            family.c.root,
            col(Lead.id),
            col(Contact.name),
            col(Lead.service),
            col(Stage.name).label("stage"),
            col(Stage.kind),
            col(Lead.requested_at),
        )
        .join(Lead, col(Lead.contact_id) == family.c.id)
        .join(Contact, col(Contact.id) == family.c.root)
        .join(Stage, col(Stage.id) == col(Lead.stage_id))
        .where(
            col(Lead.clinic_id) == uow.clinic_id,
            col(Contact.clinic_id) == uow.clinic_id,
            col(Stage.clinic_id) == uow.clinic_id,
        )
        .order_by((col(Stage.kind) == "open").desc(), col(Lead.requested_at).desc())
        .limit(SHOWN)
    )


def _reached(uow: UnitOfWork, contact_ids: set[UUID]) -> dict[UUID, dict[str, str]]:
    """Return the latest phone and email of contacts."""
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    for used in addresses_of(uow, contact_ids):
        found[used.contact_id].setdefault(used.kind, used.value)
    return found
