"""Reads of the board: a few statements a page, none that grows with the clinic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Case,
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    any_,
    case,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from crm.accounts.models import User
from crm.contacts.models import Address, Contact, ContactAddress
from crm.contacts.queries import join_person
from crm.core.bulk import among
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from pipelines import counters
from pipelines.board.filters import Filters
from pipelines.models import Lead, Pipeline, Stage, StageCounter
from pipelines.replies import PURSUED

COLUMN = 25
MOST_COUNTED = 500
"""Up to how many of a stage's leads are counted under a filter; the counters know only all."""


@dataclass(frozen=True)
class Card:
    """A lead on the board."""

    stage_id: UUID
    id: UUID
    rank: float
    name: str
    source: str
    service: str | None
    value_cents: int
    stage_entered_at: datetime
    requested_at: datetime
    unread_at: datetime | None
    reply_due_at: datetime | None
    version: int
    owner: str | None
    phone: str | None


@dataclass(frozen=True)
class Column:
    """A stage with its totals and a page of its cards.

    `more` is the last card if there are more; `is_capped` says that there are more leads than were
    counted, and `value_cents` then says nothing.
    """

    stage: Stage
    leads: int
    value_cents: int
    cards: Sequence[Card] = ()
    more: Card | None = None
    is_capped: bool = False

    def filled(self, cards: Sequence[Card]) -> "Column":
        """Return the column with its cards; one more than a page says that there are more."""
        shown = cards[:COLUMN]
        return replace(self, cards=shown, more=shown[-1] if len(cards) > COLUMN else None)


@dataclass(frozen=True)
class Board:
    """A pipeline of those there are, by stage; None where the clinic has none."""

    pipelines: Sequence[Pipeline]
    chosen: Pipeline | None
    columns: Sequence[Column]

    @property
    def stages(self) -> Mapping[UUID, Stage]:
        """The stages by id."""
        return {column.stage.id: column.stage for column in self.columns}


@dataclass(frozen=True)
class After:
    """Where a page of cards begins: below this rank and id."""

    rank: float
    id: UUID


def board(uow: UnitOfWork, pipeline_id: UUID | None, filters: Filters) -> Board:
    """Return a pipeline's stages with their totals and first cards; None is the default one.

    Raises NotFound.
    """
    heads = _heads(uow)
    pipelines = list({pipeline.id: pipeline for pipeline, _ in heads}.values())
    chosen = next((row for row in pipelines if pipeline_id in (None, row.id)), None)
    if chosen is None and pipeline_id is not None:
        raise NotFound("pipeline not found")
    columns = [column for row, column in heads if row is chosen and column is not None]
    if filters:
        columns = _counted(uow, columns, filters)
    cards = first_cards(uow, [column.stage.id for column in columns], filters)
    filled = [column.filled(cards.get(column.stage.id, ())) for column in columns]
    return Board(pipelines, chosen, filled)


def heads_of(uow: UnitOfWork, pipeline_id: UUID, filters: Filters) -> list[Column]:
    """Return the stages of a pipeline with their totals, without cards."""
    columns = [column for row, column in _heads(uow) if column and row.id == pipeline_id]
    return _counted(uow, columns, filters) if filters else columns


def column(uow: UnitOfWork, stage_id: UUID, filters: Filters, after: After | None = None) -> Column:
    """Return a stage with a page of its cards. Raises NotFound."""
    stage = uow.get(Stage, stage_id)
    [head] = [one for one in heads_of(uow, stage.pipeline_id, filters) if one.stage.id == stage_id]
    where = [col(Lead.stage_id) == stage_id, *filters.conditions(uow.now)]
    if after is not None:
        where.append(tuple_(col(Lead.rank), col(Lead.id)) < (after.rank, after.id))
    query = _cards().where(col(Lead.clinic_id) == uow.clinic_id, *where).limit(COLUMN + 1)
    return head.filled([Card(*row) for row in uow.session.execute(query)])


def cards_of(uow: UnitOfWork, lead_ids: Sequence[UUID], filters: Filters) -> list[Card]:
    """Return the cards of those of the leads that the filters let pass."""
    query = _cards().where(
        col(Lead.clinic_id) == uow.clinic_id,
        among(col(Lead.id), list(lead_ids)),
        *filters.conditions(uow.now),
    )
    return [Card(*row) for row in uow.session.execute(query)]


def first_cards(
    uow: UnitOfWork, stage_ids: Sequence[UUID], filters: Filters
) -> Mapping[UUID, Sequence[Card]]:
    """Return one more than a page of the top cards of each stage, in one statement."""
    top = (
        _matching(uow, filters, col(Lead.clinic_id), col(Lead.id))
        .order_by(col(Lead.rank).desc(), col(Lead.id).desc())
        .limit(COLUMN + 1)
        .lateral()
    )
    wanted = (
        select(top.c.id)
        .select_from(Stage)
        .join(top, true())
        .where(col(Stage.clinic_id) == uow.clinic_id, among(col(Stage.id), list(stage_ids)))
    )
    # An array is made once, and its rows are looked up; a join reads them again for each stage.
    ids = func.array(wanted.scalar_subquery())
    query = _cards().where(col(Lead.clinic_id) == uow.clinic_id, col(Lead.id) == any_(ids))
    found: dict[UUID, list[Card]] = {}
    for row in uow.session.execute(query):
        found.setdefault(row[0], []).append(Card(*row))
    return found


def _heads(uow: UnitOfWork) -> list[tuple[Pipeline, Column | None]]:
    """Return every pipeline, the default one first, with each of its stages as the counters say."""
    rows = uow.session.execute(
        select(Pipeline, Stage, col(StageCounter.leads), col(StageCounter.value_cents))
        .outerjoin(
            Stage, _same(Stage, "pipeline_id", Pipeline, "id") & col(Stage.removed_at).is_(None)
        )
        .outerjoin(StageCounter, _same(StageCounter, "id", Stage, "id"))
        .where(col(Pipeline.clinic_id) == uow.clinic_id)
        .order_by(
            *(col(Pipeline.is_default).desc(), col(Pipeline.position), col(Pipeline.id)),
            *(col(Stage.position), col(Stage.id)),
        )
    )
    return [
        (pipeline, _head(uow, stage, leads or 0, value_cents or 0) if stage else None)
        for pipeline, stage, leads, value_cents in rows
    ]


def _head(uow: UnitOfWork, stage: Stage, leads: int, value_cents: int) -> Column:
    more_leads, more_cents = counters.pending(uow, stage.id)
    return Column(stage, leads + more_leads, value_cents + more_cents)


def _counted(uow: UnitOfWork, columns: Sequence[Column], filters: Filters) -> list[Column]:
    """Return stages with the totals of what passes the filters, counted up to a bound."""
    some = _matching(uow, filters, col(Lead.value_cents)).limit(MOST_COUNTED + 1).subquery()
    totals = select(
        func.count().label("leads"), func.sum(some.c.value_cents).label("value_cents")
    ).lateral()
    ids = [one.stage.id for one in columns]
    rows = uow.session.execute(
        select(col(Stage.id), totals.c.leads, totals.c.value_cents)
        .select_from(Stage)
        .join(totals, true())
        .where(col(Stage.clinic_id) == uow.clinic_id, among(col(Stage.id), ids))
    )
    counted = {row[0]: (row[1], int(row[2] or 0)) for row in rows}
    return [
        replace(
            one,
            leads=min(counted[one.stage.id][0], MOST_COUNTED),
            value_cents=counted[one.stage.id][1],
            is_capped=counted[one.stage.id][0] > MOST_COUNTED,
        )
        for one in columns
    ]


def _matching(uow: UnitOfWork, filters: Filters, *columns: Any) -> Select[Any]:
    """Return the leads of the `Stage` of the statement around it that pass the filters."""
    return (
        select(*columns)
        .where(
            col(Lead.clinic_id) == uow.clinic_id,
            col(Lead.stage_id) == col(Stage.id),
            *filters.conditions(uow.now),
        )
        .correlate(Stage)
    )


def _cards() -> Select[*tuple[Any, ...]]:
    """Return the select of cards in their order: the fields of `Card`, and `Stage` for filters."""
    person = aliased(Contact)
    query = (
        select(
            *(col(Lead.stage_id), col(Lead.id), col(Lead.rank), col(person.name)),
            *(col(Lead.source), col(Lead.service), col(Lead.value_cents)),
            *(col(Lead.stage_entered_at), col(Lead.requested_at), col(Lead.unread_at)),
            *(_reply_due(), col(Lead.version), col(User.name), _phone()),
        )
        .join(Stage, _same(Stage, "id", Lead, "stage_id"))
        .outerjoin(User, col(User.id) == col(Lead.owner_id))
        .order_by(col(Lead.rank).desc(), col(Lead.id).desc())
    )
    return join_person(query, Lead, person)


def _reply_due() -> Case[Any]:
    """Return by when a lead should be answered that is pursued; nobody waits on the others."""
    return case((col(Lead.stage_kind).in_(PURSUED), col(Lead.reply_due_at)))


def _phone() -> ScalarSelect[Any]:
    """Return the first phone of a lead's contact."""
    return (
        select(col(Address.value))
        .join(ContactAddress, _same(ContactAddress, "address_id", Address, "id"))
        .where(
            _same(ContactAddress, "contact_id", Lead, "contact_id"), col(Address.kind) == "phone"
        )
        .order_by(col(ContactAddress.id))
        .limit(1)
        .correlate(Lead)
        .scalar_subquery()
    )


def _same(one: Any, column: str, other: Any, named: str) -> ColumnElement[bool]:
    """Return the condition that a column names a row of the same clinic."""
    return and_(
        col(one.clinic_id) == col(other.clinic_id),
        col(getattr(one, column)) == col(getattr(other, named)),
    )
