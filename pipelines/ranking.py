"""Where a lead stands within its stage: `rank`, the highest on top, then the id.

Whoever enters a stage comes on top, since his rank is the moment in seconds; whoever is put
between two others gets the middle of their ranks. So a move writes the one lead that moves, and
only where two stand too close those above them are pushed up, as far as they crowd each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, literal, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import col

from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from pipelines.models import Lead

STEP = 1e-5
"""Seconds between those who enter at the same instant; a double tells 2e-7 apart."""
ROOM = 1e-3
"""Seconds to which those are pushed apart who stand too close to put another one between."""
MOST_PUSHED = 500


@dataclass(frozen=True)
class Place:
    """A place in a stage: above `before_id` or below `after_id`, if that one is there."""

    lead_id: UUID
    stage_id: UUID
    before_id: UUID | None = None
    after_id: UUID | None = None

    @property
    def anchor_id(self) -> UUID | None:
        """The lead beside which it is."""
        return self.before_id or self.after_id


@dataclass(frozen=True)
class _Anchor:
    """A lead beside which another one is put, with the ranks next to it."""

    id: UUID
    stage_id: UUID
    rank: float
    above: float | None
    below: float | None


def entry_rank(uow: UnitOfWork, number: int = 0) -> float:
    """Return the rank of who enters a stage now; of several the first stands on top."""
    return uow.now.timestamp() - number * STEP


def ranks_of(uow: UnitOfWork, places: Sequence[Place]) -> dict[UUID, float]:
    """Return the ranks of places by lead; of those beside others, all are asked at once."""
    wanted = {place.anchor_id for place in places if place.anchor_id is not None}
    moving = {place.lead_id for place in places}
    anchors = _anchors(uow, wanted, moving) if wanted else {}
    ranks = {}
    for number, place in enumerate(places):
        anchor = anchors.get(place.anchor_id)
        if anchor is None or anchor.stage_id != place.stage_id or anchor.id == place.lead_id:
            ranks[place.lead_id] = entry_rank(uow, number)
        elif place.before_id is not None:
            top = max(entry_rank(uow), anchor.rank + ROOM)
            above = anchor.above
            ranks[place.lead_id] = top if above is None else _between(uow, anchor, place, above)
        else:
            bottom = anchor.rank - 1
            below = anchor.below
            ranks[place.lead_id] = bottom if below is None else _between(uow, anchor, place, below)
    return ranks


def _between(uow: UnitOfWork, anchor: _Anchor, place: Place, neighbour: float) -> float:
    low, high = sorted((anchor.rank, neighbour))
    middle = low + (high - low) / 2
    if low < middle < high or not _push_up(uow, anchor, place, low + ROOM):
        return middle
    return low + ROOM


def _push_up(uow: UnitOfWork, anchor: _Anchor, place: Place, rank: float) -> bool:
    """Put those who stand above a place above a rank; False where others are changing them.

    They are not waited for: who waits here holds the lead that moves, and they may want it.
    """
    pushed: dict[UUID, float] = {}
    for lead_id, old in (crowd := _from_anchor_up(uow, anchor, place)):
        if old >= rank + ROOM:
            break
        rank += ROOM
        pushed[lead_id] = rank
    if len(pushed) == len(crowd) == MOST_PUSHED:
        return False
    locked = uow.session.scalars(
        select(Lead)
        .where(col(Lead.clinic_id) == uow.clinic_id, among(col(Lead.id), sorted(pushed)))
        .order_by(col(Lead.id))
        .with_for_update(key_share=True, skip_locked=True)
    ).all()
    if len(locked) < len(pushed):
        return False
    for lead in locked:
        lead.rank = pushed[lead.id]
    return True


def _from_anchor_up(uow: UnitOfWork, anchor: _Anchor, place: Place) -> Sequence[Any]:
    """Return who stands above a place beside an anchor, the nearest first."""
    position = tuple_(col(Lead.rank), col(Lead.id))
    at_anchor = tuple_(literal(anchor.rank), literal(anchor.id))
    return uow.session.execute(
        select(col(Lead.id), col(Lead.rank))
        .where(
            col(Lead.clinic_id) == uow.clinic_id,
            col(Lead.stage_id) == anchor.stage_id,
            position > at_anchor if place.before_id else position >= at_anchor,
            col(Lead.id) != place.lead_id,
        )
        .order_by(col(Lead.rank), col(Lead.id))
        .limit(MOST_PUSHED)
    ).all()


def _anchors(uow: UnitOfWork, ids: set[UUID], moving: set[UUID]) -> dict[UUID | None, _Anchor]:
    """Return anchors by id, with their neighbours among those who stay where they are."""
    rows = uow.session.execute(
        select(
            col(Lead.id),
            col(Lead.stage_id),
            col(Lead.rank),
            _neighbour(moving, is_above=True),
            _neighbour(moving, is_above=False),
        ).where(col(Lead.clinic_id) == uow.clinic_id, among(col(Lead.id), sorted(ids)))
    )
    return {row[0]: _Anchor(*row) for row in rows}


def _neighbour(moving: set[UUID], *, is_above: bool) -> ScalarSelect[Any]:
    other = aliased(Lead)
    theirs, its = (tuple_(col(each.rank), col(each.id)) for each in (other, Lead))
    order = (col(other.rank), col(other.id))
    return (
        select(col(other.rank))
        .where(
            col(other.clinic_id) == col(Lead.clinic_id),
            col(other.stage_id) == col(Lead.stage_id),
            theirs > its if is_above else theirs < its,
            col(other.id).not_in(moving),
        )
        .order_by(*(order if is_above else (each.desc() for each in order)))
        .limit(1)
        .correlate(Lead)
        .scalar_subquery()
    )
