"""What stands beside a board: what each chip would show, saved views, what can be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlmodel import col

from crm.accounts.models import Membership, User
from crm.core.bulk import among
from crm.core.errors import N_, Invalid, NotFound
from crm.core.uow import UnitOfWork
from pipelines.board.filters import Filters
from pipelines.models import Lead, SavedView, Stage
from pipelines.queries import values_seen

MOST_COUNTED = 100
MOST_VIEWS = 20
TOO_MANY_VIEWS = N_("You have 20 views already; remove one first.")


@dataclass(frozen=True)
class View:
    """A saved view: where its link leads."""

    id: UUID
    name: str
    query: str


@dataclass(frozen=True)
class Sides:
    """How many leads of a pipeline each chip would show, up to a bound, and somebody's views.

    `owner` is the name of whom a filter asks for, None where it asks for nobody of the clinic.
    """

    mine: int
    unread: int
    stale: int
    late: int
    views: Sequence[View]
    owner: str | None


@dataclass(frozen=True)
class Choices:
    """What the filters can be set to: the team by name, sources and services there are."""

    team: Sequence[tuple[UUID, str]]
    sources: Sequence[str]
    services: Sequence[str]


def sides(
    uow: UnitOfWork, stage_ids: Sequence[UUID], me: UUID, owner_id: UUID | None = None
) -> Sides:
    """Return what stands beside a board, with one statement."""
    row = uow.session.execute(
        select(
            _count(uow, stage_ids, Filters(me, is_mine=True)),
            _count(uow, stage_ids, Filters(me, is_unread=True)),
            _count(uow, stage_ids, Filters(me, is_stale=True)),
            _count(uow, stage_ids, Filters(me, is_late=True)),
            _views(uow, me),
            _member(uow, owner_id),
        )
    ).one()
    views = [View(UUID(view_id), name, query) for view_id, name, query in row[4] or ()]
    return Sides(row[0], row[1], row[2], row[3], views, row[5])


def _count(uow: UnitOfWork, stage_ids: Sequence[UUID], filters: Filters) -> ScalarSelect[int]:
    """Return how many leads pass, stage by stage, so that each is read by its index."""
    some = (
        select(literal(1))
        .select_from(Lead)
        .where(
            col(Lead.clinic_id) == uow.clinic_id,
            col(Lead.stage_id) == col(Stage.id),
            *filters.conditions(uow.now),
        )
        .limit(MOST_COUNTED)
        .correlate(Stage)
        .lateral()
    )
    every = (
        select(literal(1))
        .select_from(Stage)
        .join(some, literal(True))
        .where(col(Stage.clinic_id) == uow.clinic_id, among(col(Stage.id), list(stage_ids)))
        .limit(MOST_COUNTED)
        .subquery()
    )
    return select(func.count()).select_from(every).scalar_subquery()


def _views(uow: UnitOfWork, me: UUID) -> ScalarSelect[Any]:
    view = func.json_build_array(SavedView.id, SavedView.name, SavedView.query)
    return (
        select(func.json_agg(aggregate_order_by(view, col(SavedView.name))))
        .where(col(SavedView.clinic_id) == uow.clinic_id, col(SavedView.user_id) == me)
        .scalar_subquery()
    )


def _member(uow: UnitOfWork, user_id: UUID | None) -> ScalarSelect[str]:
    """Return the name of somebody who is or was in the clinic."""
    return (
        select(col(User.name))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(col(Membership.clinic_id) == uow.clinic_id, col(User.id) == user_id)
        .limit(1)
        .scalar_subquery()
    )


def choices(uow: UnitOfWork) -> Choices:
    """Return what the filters can be set to, without reading a lead twice over."""
    team = uow.session.execute(
        select(col(User.id), col(User.name))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(col(Membership.clinic_id) == uow.clinic_id, col(Membership.ended_at).is_(None))
        .order_by(col(User.name))
    )
    return Choices(
        [(row[0], row[1]) for row in team],
        list(uow.session.scalars(values_seen(uow, col(Lead.source)))),
        list(uow.session.scalars(values_seen(uow, col(Lead.service)))),
    )


def save_view(uow: UnitOfWork, user_id: UUID, name: str, query: str) -> None:
    """Keep a board's filters under a name of one's own; a known name means these from now on.

    Raises Invalid where there are too many.
    """
    mine = col(SavedView.clinic_id) == uow.clinic_id, col(SavedView.user_id) == user_id
    names = uow.session.scalars(select(col(SavedView.name)).where(*mine)).all()
    if len(names) >= MOST_VIEWS and name not in names:
        raise Invalid(TOO_MANY_VIEWS, field="name")
    view = SavedView(user_id=user_id, name=name, query=query, created_at=uow.now)
    row = {"clinic_id": uow.clinic_id, **view.model_dump(exclude={"clinic_id"})}
    statement = insert(SavedView).values(row)
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["clinic_id", "user_id", "name"],
            set_={"query": statement.excluded.query},
        )
    )


def remove_view(uow: UnitOfWork, user_id: UUID, view_id: UUID) -> None:
    """Forget a view of one's own. Raises NotFound, also for somebody else's."""
    view = uow.get(SavedView, view_id)
    if view.user_id != user_id:
        raise NotFound("view not found")
    uow.session.delete(view)
    uow.session.flush()
