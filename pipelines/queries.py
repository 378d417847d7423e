"""Reads of leads and pipelines, for pages and the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import col

from crm.contacts.models import Address, Contact, ContactAddress
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from pipelines.models import Lead, LostReason, Pipeline, Stage, StageCounter

COLUMN = 25


@dataclass(frozen=True)
class Card:
    """A lead in a list."""

    id: UUID
    name: str
    source: str
    service: str | None
    value_cents: int
    stage_entered_at: datetime
    requested_at: datetime
    version: int


@dataclass(frozen=True)
class Column:
    """A stage with its totals and its first cards; `more` names the last card if there are more."""

    stage: Stage
    leads: int
    value_cents: int
    cards: Sequence[Card]
    more: UUID | None


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


def columns(uow: UnitOfWork, pipeline_id: UUID) -> list[Column]:
    """Return every stage of a pipeline with its totals and its newest cards, in three queries."""
    ordered = stages(uow, pipeline_id)
    ids = [stage.id for stage in ordered]
    counters = {
        counter.id: counter
        for counter in uow.session.scalars(
            select(StageCounter).where(
                col(StageCounter.clinic_id) == uow.clinic_id, col(StageCounter.id).in_(ids)
            )
        )
    }
    cards = _newest(uow, ids)
    return [
        Column(
            stage,
            counters[stage.id].leads if stage.id in counters else 0,
            counters[stage.id].value_cents if stage.id in counters else 0,
            *_page(cards.get(stage.id, [])),
        )
        for stage in ordered
    ]


def column(uow: UnitOfWork, stage_id: UUID, after: UUID | None) -> Column:
    """Return a stage with the page of cards that follows a card. Raises NotFound."""
    stage = uow.get(Stage, stage_id)
    counter = uow.session.get(StageCounter, (uow.clinic_id, stage_id))
    where: list[ColumnElement[bool]] = [col(Lead.stage_id) == stage_id]
    if after is not None:
        last = uow.get(Lead, after)
        where.append(
            tuple_(col(Lead.stage_entered_at), col(Lead.id)) < (last.stage_entered_at, last.id)
        )
    query = (
        _cards()
        .where(col(Lead.clinic_id) == uow.clinic_id, *where)
        .order_by(col(Lead.stage_entered_at).desc(), col(Lead.id).desc())
        .limit(COLUMN + 1)
    )
    cards = [Card(*row[1:]) for row in uow.session.execute(query)]
    totals = (counter.leads, counter.value_cents) if counter else (0, 0)
    return Column(stage, *totals, *_page(cards))


def _page(cards: Sequence[Card]) -> tuple[Sequence[Card], UUID | None]:
    shown = cards[:COLUMN]
    return shown, shown[-1].id if len(cards) > COLUMN else None


def _cards() -> Select[*tuple[Any, ...]]:
    """Return the select of cards: the lead's stage, then the fields of `Card`."""
    person = aliased(Contact)
    return (
        select(
            col(Lead.stage_id),
            col(Lead.id),
            col(person.name),
            col(Lead.source),
            col(Lead.service),
            col(Lead.value_cents),
            col(Lead.stage_entered_at),
            col(Lead.requested_at),
            col(Lead.version),
        )
        .join(
            Contact,
            (col(Contact.clinic_id) == col(Lead.clinic_id))
            & (col(Contact.id) == col(Lead.contact_id)),
        )
        .join(
            person,
            (col(person.clinic_id) == col(Contact.clinic_id))
            & (col(person.id) == func.coalesce(col(Contact.merged_into_id), col(Contact.id))),
        )
    )


def _newest(uow: UnitOfWork, stage_ids: Sequence[UUID]) -> dict[UUID, list[Card]]:
    """Return one more than a column's worth of the newest cards of each stage, in one query."""
    newest = (
        select(col(Lead.clinic_id), col(Lead.id))
        .where(col(Lead.clinic_id) == col(Stage.clinic_id), col(Lead.stage_id) == col(Stage.id))
        .order_by(col(Lead.stage_entered_at).desc(), col(Lead.id).desc())
        .limit(COLUMN + 1)
        .lateral()
    )
    wanted = (
        select(newest.c.id)
        .select_from(Stage)
        .join(newest, newest.c.clinic_id == col(Stage.clinic_id))
        .where(col(Stage.clinic_id) == uow.clinic_id, col(Stage.id).in_(stage_ids))
    )
    query = (
        _cards()
        .where(col(Lead.clinic_id) == uow.clinic_id, col(Lead.id).in_(wanted))
        .order_by(col(Lead.stage_entered_at).desc(), col(Lead.id).desc())
    )
    found: dict[UUID, list[Card]] = {}
    for stage_id, *fields in uow.session.execute(query):
        found.setdefault(stage_id, []).append(Card(*fields))
    return found


@dataclass(frozen=True)
class Person:
    """Whom a lead is about: the canonical contact, every contact merged into it, the addresses."""

    contact: Contact
    ids: Sequence[UUID]
    addresses: Sequence[Address]


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
