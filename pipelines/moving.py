"""Moves of leads: to another stage, to another place within one, and back again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from crm.core.errors import N_, NotFound, StaleVersion
from crm.core.uow import UnitOfWork
from pipelines import counters
from pipelines.errors import LostReasonNeeded, StageNotInPipeline
from pipelines.events import LeadPlaced, LeadStageChanged
from pipelines.models import Lead, LostReason, Stage, StageMove
from pipelines.ranking import Place, ranks_of

PUT_BACK = N_("It was put back.")
CHANGED = N_("The move can no longer be taken back.")


@dataclass(frozen=True)
class Move:
    """Where a lead shall stand; `version` refuses a move that somebody else overtook.

    It is put above the lead `before_id` or below `after_id` where that one stands in the stage,
    else on top.
    """

    lead_id: UUID
    to_stage_id: UUID
    reason: str | None = None
    lost_reason_id: UUID | None = None
    version: int | None = None
    cause: tuple[UUID, ...] = ()
    before_id: UUID | None = None
    after_id: UUID | None = None

    @property
    def place(self) -> Place:
        """Where in the stage."""
        return Place(self.lead_id, self.to_stage_id, self.before_id, self.after_id)


@dataclass(frozen=True)
class _Standing:
    """How a lead stands in a stage."""

    stage: Stage
    rank: float
    since: datetime
    lost_reason_id: UUID | None


@dataclass
class _Written:
    """What the moves of a transaction leave behind, written with one statement a kind."""

    moves: list[StageMove]
    events: list[LeadStageChanged | LeadPlaced]

    def write(self, uow: UnitOfWork) -> None:
        """Write the leads, the history, then the events."""
        uow.session.flush()
        uow.insert(StageMove, [move.model_dump(exclude={"clinic_id"}) for move in self.moves])
        uow.emit(self.events)


def lock_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> dict[UUID, Lead]:
    """Lock leads in id order and return them by id, fresh. Raises NotFound if one is unknown."""
    rows = uow.session.scalars(
        select(Lead)
        .where(col(Lead.clinic_id) == uow.clinic_id, col(Lead.id).in_(set(lead_ids)))
        .order_by(col(Lead.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    leads = {lead.id: lead for lead in rows}
    if not leads.keys() >= set(lead_ids):
        raise NotFound("lead not found")
    return leads


def move_leads(uow: UnitOfWork, moves: Sequence[Move]) -> list[Lead]:
    """Move leads to other stages of their pipelines, or to other places where they stand.

    A move to where a lead stands, without a place there, is a no-op. Raises NotFound,
    StaleVersion, StageNotInPipeline, LostReasonNeeded.
    """
    leads = lock_leads(uow, [move.lead_id for move in moves])
    stages = _stages(uow, {move.to_stage_id for move in moves})
    reasons = _lost_reasons(uow, [move.lost_reason_id for move in moves])
    ranks = ranks_of(uow, [move.place for move in moves])
    written = _Written([], [])
    for move in moves:
        lead = leads[move.lead_id]
        stage = _checked(uow, lead, move, stages, reasons)
        rank = ranks[move.lead_id]
        if stage.id != lead.stage_id:
            _enter(uow, lead, move, _Standing(stage, rank, uow.now, move.lost_reason_id), written)
        elif move.before_id or move.after_id:
            _put(lead, rank, written)
    written.write(uow)
    return [leads[move.lead_id] for move in moves]


def undo_move(uow: UnitOfWork, lead_id: UUID, version: int) -> Lead:
    """Take back a lead's last move: it stands where it stood, since when and for what it did.

    Raises NotFound, StaleVersion where something else happened to it since.
    """
    lead = lock_leads(uow, [lead_id])[lead_id]
    last, before = _last_two_moves(uow, lead_id)
    if version != lead.version or last is None:
        raise StaleVersion(CHANGED)
    stage = _stages(uow, {last.from_stage_id}).get(last.from_stage_id)
    if stage is None:
        raise StageNotInPipeline(field="to_stage_id")
    reasons = _lost_reasons(uow, [before.lost_reason_id if before else None])
    rank = uow.now.timestamp() if last.from_rank is None else last.from_rank
    since = before.at if before else lead.created_at
    written = _Written([], [])
    standing = _Standing(stage, rank, since, next(iter(reasons), None))
    _enter(uow, lead, Move(lead_id, stage.id), standing, written)
    written.write(uow)
    return lead


def _checked(
    uow: UnitOfWork,
    lead: Lead,
    move: Move,
    stages: Mapping[UUID, Stage],
    reasons: set[UUID],
) -> Stage:
    """Return the stage of a move that may be made."""
    stage = stages.get(move.to_stage_id)
    if stage is None or stage.pipeline_id != lead.pipeline_id:
        raise StageNotInPipeline(field="to_stage_id")
    if stage.id == lead.stage_id:
        return stage  # Also for the second of two clicks, which brings the version before the first
    if move.version is not None and move.version != lead.version:
        raise StaleVersion(PUT_BACK)
    if stage.kind == "lost" and uow.principal.kind == "user" and move.lost_reason_id is None:
        raise LostReasonNeeded(N_("Choose why this lead is lost"), field="lost_reason_id")
    if move.lost_reason_id is not None and move.lost_reason_id not in reasons:
        raise NotFound("lost reason not found")
    return stage


def _enter(uow: UnitOfWork, lead: Lead, move: Move, standing: _Standing, written: _Written) -> None:
    """Put a lead into a stage that it is not in, and note what is to be written of it."""
    stage = standing.stage
    record = StageMove(
        lead_id=lead.id,
        from_stage_id=lead.stage_id,
        from_rank=lead.rank,
        to_stage_id=stage.id,
        principal_kind=uow.principal.kind,
        principal_id=uow.principal.id,
        reason=move.reason,
        lost_reason_id=standing.lost_reason_id,
        at=uow.now,
    )
    written.moves.append(record)
    written.events.append(_changed(lead, record, move.cause, stage.kind))
    counters.count(uow, lead.stage_id, -1, -lead.value_cents)
    counters.count(uow, stage.id, 1, lead.value_cents)
    lead.stage_id = stage.id
    lead.stage_kind = stage.kind
    lead.stage_entered_at = standing.since
    lead.rank = standing.rank
    lead.lost_reason_id = standing.lost_reason_id if stage.kind == "lost" else None
    lead.version += 1


def _changed(
    lead: Lead, record: StageMove, cause: tuple[UUID, ...], to_kind: str
) -> LeadStageChanged:
    return LeadStageChanged(
        order_key=lead.id,
        lead_id=lead.id,
        contact_id=lead.contact_id,
        cause=cause,
        move_id=record.id,
        pipeline_id=lead.pipeline_id,
        from_stage_id=record.from_stage_id,
        to_stage_id=record.to_stage_id,
        from_kind=lead.stage_kind,
        to_kind=to_kind,
    )


def _put(lead: Lead, rank: float, written: _Written) -> None:
    """Give a lead another place in its stage: no version, for nobody's work is overtaken."""
    lead.rank = rank
    event = LeadPlaced(
        order_key=lead.id,
        lead_id=lead.id,
        contact_id=lead.contact_id,
        pipeline_id=lead.pipeline_id,
        stage_id=lead.stage_id,
    )
    written.events.append(event)


def _stages(uow: UnitOfWork, stage_ids: set[UUID]) -> dict[UUID, Stage]:
    """Return stages that are there and stay: whoever removes one or changes its kind waits."""
    rows = uow.session.scalars(
        select(Stage)
        .where(
            col(Stage.clinic_id) == uow.clinic_id,
            col(Stage.id).in_(stage_ids),
            col(Stage.removed_at).is_(None),
        )
        .order_by(col(Stage.id))
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return {stage.id: stage for stage in rows}


def _lost_reasons(uow: UnitOfWork, ids: Sequence[UUID | None]) -> set[UUID]:
    """Return those of the ids that are reasons of this clinic, as yet."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return set()
    rows = uow.session.scalars(
        select(LostReason.id).where(
            col(LostReason.clinic_id) == uow.clinic_id,
            col(LostReason.id).in_(wanted),
            col(LostReason.removed_at).is_(None),
        )
    )
    return set(rows)


def _last_two_moves(uow: UnitOfWork, lead_id: UUID) -> tuple[StageMove | None, StageMove | None]:
    query = (
        select(StageMove)
        .where(col(StageMove.clinic_id) == uow.clinic_id, col(StageMove.lead_id) == lead_id)
        .order_by(col(StageMove.id).desc())
        .limit(2)
    )
    last, before, *_ = [*uow.session.scalars(query), None, None]
    return last, before
