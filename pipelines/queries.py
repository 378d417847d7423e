"""Reads of leads and pipelines, for pages and the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from crm.contacts.models import Address, Contact, ContactAddress
from crm.contacts.queries import canonical_of
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from pipelines.models import Lead, LostReason, Pipeline, Stage, StageCounter


def pipelines(uow: UnitOfWork) -> list[Pipeline]:
    """Return the clinic's pipelines, the default one first."""
    query = (
        select(Pipeline)
        .where(col(Pipeline.clinic_id) == uow.clinic_id)
        .order_by(col(Pipeline.is_default).desc(), col(Pipeline.position), col(Pipeline.id))
    )
    return list(uow.session.scalars(query))


def stages(uow: UnitOfWork, pipeline_id: UUID) -> list[Stage]:
    """Return the stages of a pipeline in their order."""
    query = (
        select(Stage)
        .where(
            col(Stage.clinic_id) == uow.clinic_id,
            col(Stage.pipeline_id) == pipeline_id,
            col(Stage.removed_at).is_(None),
        )
        .order_by(col(Stage.position), col(Stage.id))
    )
    return list(uow.session.scalars(query))


def lost_reasons(uow: UnitOfWork) -> list[LostReason]:
    """Return why a lead may be lost, in the clinic's order."""
    query = (
        select(LostReason)
        .where(col(LostReason.clinic_id) == uow.clinic_id, col(LostReason.removed_at).is_(None))
        .order_by(col(LostReason.position), col(LostReason.name))
    )
    return list(uow.session.scalars(query))


@dataclass(frozen=True)
class Person:
    """Whom a lead is about: the canonical contact, every contact merged into it, the addresses."""

    contact: Contact
    ids: Sequence[UUID]
    addresses: Sequence[Address]


def whose(uow: UnitOfWork, lead: Lead) -> Contact:
    """Return the contact that a lead is about, through merges. Raises NotFound."""
    asked = aliased(Contact)
    its = (col(asked.clinic_id) == uow.clinic_id, col(asked.id) == lead.contact_id)
    canonical = select(canonical_of(asked)).where(*its).scalar_subquery()
    found = uow.session.scalars(
        select(Contact).where(col(Contact.clinic_id) == uow.clinic_id, col(Contact.id) == canonical)
    ).one_or_none()
    if found is None:
        raise NotFound("contact not found")
    return found


def person(uow: UnitOfWork, contact_id: UUID) -> Person:
    """Return the person behind a contact, through merges. Raises NotFound."""
    contact = uow.get(Contact, contact_id)
    canonical_id = contact.merged_into_id or contact.id
    family = uow.session.scalars(
        select(Contact).where(
            col(Contact.clinic_id) == uow.clinic_id,
            (col(Contact.id) == canonical_id) | (col(Contact.merged_into_id) == canonical_id),
        )
    ).all()
    ids = [row.id for row in family]
    addresses = uow.session.scalars(
        select(Address)
        .join(
            ContactAddress,
            (col(ContactAddress.clinic_id) == col(Address.clinic_id))
            & (col(ContactAddress.address_id) == col(Address.id)),
        )
        .where(
            col(ContactAddress.clinic_id) == uow.clinic_id,
            col(ContactAddress.contact_id).in_(ids),
        )
        .order_by(col(Address.kind).desc(), col(Address.id))
        .distinct()
    ).all()
    chosen = next((row for row in family if row.id == canonical_id), None)
    if chosen is None:
        raise NotFound("contact not found")
    return Person(chosen, ids, addresses)


def stages_with_leads(uow: UnitOfWork, pipeline_id: UUID) -> list[tuple[Stage, int]]:
    """Return the stages of a pipeline in their order, each with how many leads stand in it."""
    ordered = stages(uow, pipeline_id)
    counters = uow.session.scalars(
        select(StageCounter).where(
            col(StageCounter.clinic_id) == uow.clinic_id,
            col(StageCounter.id).in_([stage.id for stage in ordered]),
        )
    )
    leads = {counter.id: counter.leads for counter in counters}
    return [(stage, leads.get(stage.id, 0)) for stage in ordered]


def has_leads(uow: UnitOfWork, stage_id: UUID) -> bool:
    """Return whether a lead stands in a stage."""
    statement = select(col(Lead.id)).where(
        col(Lead.clinic_id) == uow.clinic_id, col(Lead.stage_id) == stage_id
    )
    return uow.session.scalar(statement.limit(1)) is not None


def values_seen(uow: UnitOfWork, column: Any) -> Select[Any]:
    """Return the select of the `value`s of an indexed column of leads, in their order.

    Each is looked up by the one before it, so that no lead is read twice over; 100 at most.
    """
    least = select(func.min(column).label("value")).where(col(Lead.clinic_id) == uow.clinic_id)
    found = least.where(column.is_not(None)).cte(f"each_{column.key}", recursive=True)
    after = least.where(column > found.c.value).correlate(found).scalar_subquery()
    found = found.union_all(select(after).where(found.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None)).limit(100)
