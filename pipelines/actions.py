"""Verbs of leads: create many, move many, ask again; a form calls them with one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlmodel import col, select

from crm.core.errors import N_, NotFound, StaleVersion
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from pipelines import counters
from pipelines.errors import LostReasonNeeded, NoPipeline, StageNotInPipeline
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from pipelines.models import Lead, LostReason, Pipeline, Stage, StageMove


@dataclass(frozen=True)
class NewLead:
    """A lead to be; without a pipeline it goes into the clinic's default one."""

    contact_id: UUID
    pipeline_id: UUID | None = None
    source: str = "form"
    campaign: Mapping[str, str] = field(default_factory=dict)
    landing_page: str | None = None
    service: str | None = None
    value_cents: int = 0
    request_id: UUID | None = None
    id: UUID = field(default_factory=new_id)


class CreatedLead(NamedTuple):
    """A lead that was just made, and where it stands."""

    id: UUID
    contact_id: UUID
    pipeline_id: UUID
    stage_id: UUID


@dataclass(frozen=True)
class RequestedAgain:
    """A further request of a contact whose lead is open."""

    lead_id: UUID
    source: str
    request_id: UUID


@dataclass(frozen=True)
class Move:
    """Where a lead shall stand; `version` refuses a move that somebody else overtook."""

    lead_id: UUID
    to_stage_id: UUID
    reason: str | None = None
    lost_reason_id: UUID | None = None
    version: int | None = None
    cause: tuple[UUID, ...] = ()


def add_pipeline(
    uow: UnitOfWork, name: str, stages: Sequence[tuple[str, str]], *, is_default: bool = False
) -> Pipeline:
    """Add a pipeline with its stages, given in order as (name, kind)."""
    pipeline = Pipeline(name=name, is_default=is_default, created_at=uow.now)
    uow.add(pipeline)
    uow.add(
        *(
            Stage(pipeline_id=pipeline.id, name=stage, kind=kind, position=position)
            for position, (stage, kind) in enumerate(stages)
        )
    )
    return pipeline


def create_leads(uow: UnitOfWork, leads: Sequence[NewLead]) -> list[CreatedLead]:
    """Create leads in the first open stage of their pipelines.

    Raises NoPipeline where there is none.
    """
    if not leads:
        return []
    entries = _entry_stages(uow)
    created = [_place(new, entries) for new in leads]
    rows = [_row(uow, new, one) for new, one in zip(leads, created, strict=True)]
    uow.insert(Lead, rows)
    for new, one in zip(leads, created, strict=True):
        counters.count(uow, one.stage_id, 1, new.value_cents)
    uow.emit(
        LeadCreated(
            order_key=one.id,
            lead_id=one.id,
            contact_id=one.contact_id,
            pipeline_id=one.pipeline_id,
            stage_id=one.stage_id,
            source=new.source,
            request_id=new.request_id,
        )
        for new, one in zip(leads, created, strict=True)
    )
    return created


def _entry_stages(uow: UnitOfWork) -> dict[UUID | None, tuple[UUID, UUID]]:
    """Return (pipeline, its first open stage) by pipeline, and the default one's under None."""
    rows = uow.session.execute(
        select(col(Pipeline.id), col(Stage.id))
        .join(
            Stage,
            (col(Stage.clinic_id) == col(Pipeline.clinic_id))
            & (col(Stage.pipeline_id) == col(Pipeline.id)),
        )
        .where(
            col(Pipeline.clinic_id) == uow.clinic_id,
            col(Stage.kind) == "open",
            col(Stage.removed_at).is_(None),
        )
        .order_by(col(Pipeline.is_default).desc(), col(Pipeline.position), col(Stage.position))
        .with_for_update(read=True, key_share=True, of=Stage)
    )
    entries: dict[UUID | None, tuple[UUID, UUID]] = {}
    for pipeline_id, stage_id in rows:
        entries.setdefault(None, (pipeline_id, stage_id))
        entries.setdefault(pipeline_id, (pipeline_id, stage_id))
    return entries


def _place(new: NewLead, entries: Mapping[UUID | None, tuple[UUID, UUID]]) -> CreatedLead:
    if new.pipeline_id not in entries:
        raise NoPipeline
    return CreatedLead(new.id, new.contact_id, *entries[new.pipeline_id])


def _row(uow: UnitOfWork, new: NewLead, created: CreatedLead) -> dict[str, object]:
    return {
        "id": created.id,
        "contact_id": created.contact_id,
        "pipeline_id": created.pipeline_id,
        "stage_id": created.stage_id,
        "stage_kind": "open",
        "stage_entered_at": uow.now,
        "source": new.source,
        "campaign": new.campaign,
        "landing_page": new.landing_page,
        "service": new.service,
        "value_cents": new.value_cents,
        "created_at": uow.now,
        "requested_at": uow.now,
        "version": 1,
    }


def request_again(uow: UnitOfWork, again: Sequence[RequestedAgain]) -> None:
    """Note further requests on open leads, which keep their stage."""
    leads = lock_leads(uow, [request.lead_id for request in again])
    for request in again:
        leads[request.lead_id].requested_at = uow.now
    uow.session.flush()
    uow.emit(
        LeadRequestedAgain(
            order_key=request.lead_id,
            lead_id=request.lead_id,
            contact_id=leads[request.lead_id].contact_id,
            pipeline_id=leads[request.lead_id].pipeline_id,
            stage_id=leads[request.lead_id].stage_id,
            source=request.source,
            request_id=request.request_id,
        )
        for request in again
    )


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
    """Move leads to other stages of their pipelines; a move to where a lead stands is a no-op.

    Raises NotFound, StaleVersion, StageNotInPipeline, LostReasonNeeded.
    """
    leads = lock_leads(uow, [move.lead_id for move in moves])
    stages = _stages(uow, {move.to_stage_id for move in moves})
    reasons = _lost_reasons(uow, moves)
    changes = [
        change
        for move in moves
        if (change := _plan(uow, leads[move.lead_id], move, stages, reasons)) is not None
    ]
    uow.session.flush()
    uow.insert(StageMove, [record.model_dump(exclude={"clinic_id"}) for record, _ in changes])
    uow.emit(event for _, event in changes)
    return [leads[move.lead_id] for move in moves]


def _plan(
    uow: UnitOfWork,
    lead: Lead,
    move: Move,
    stages: Mapping[UUID, Stage],
    reasons: set[UUID],
) -> tuple[StageMove, LeadStageChanged] | None:
    """Check one move, put its lead into the new stage, and return what to record of it."""
    stage = stages.get(move.to_stage_id)
    if stage is None or stage.pipeline_id != lead.pipeline_id:
        raise StageNotInPipeline(field="to_stage_id")
    if stage.id == lead.stage_id:
        return None  # Also for the second of two clicks, which brings the version before the first.
    if move.version is not None and move.version != lead.version:
        raise StaleVersion(N_("Somebody moved this lead meanwhile."))
    if stage.kind == "lost" and uow.principal.kind == "user" and move.lost_reason_id is None:
        raise LostReasonNeeded(N_("Choose why this lead is lost"), field="lost_reason_id")
    if move.lost_reason_id is not None and move.lost_reason_id not in reasons:
        raise NotFound("lost reason not found")
    record, event = _record(uow, lead, move, stage)
    _enter(uow, lead, move, stage)
    return record, event


def _record(
    uow: UnitOfWork, lead: Lead, move: Move, stage: Stage
) -> tuple[StageMove, LeadStageChanged]:
    record = StageMove(
        lead_id=lead.id,
        from_stage_id=lead.stage_id,
        to_stage_id=stage.id,
        principal_kind=uow.principal.kind,
        principal_id=uow.principal.id,
        reason=move.reason,
        lost_reason_id=move.lost_reason_id,
        at=uow.now,
    )
    event = LeadStageChanged(
        order_key=lead.id,
        lead_id=lead.id,
        contact_id=lead.contact_id,
        cause=move.cause,
        move_id=record.id,
        pipeline_id=lead.pipeline_id,
        from_stage_id=lead.stage_id,
        to_stage_id=stage.id,
        from_kind=lead.stage_kind,
        to_kind=stage.kind,
    )
    return record, event


def _enter(uow: UnitOfWork, lead: Lead, move: Move, stage: Stage) -> None:
    counters.count(uow, lead.stage_id, -1, -lead.value_cents)
    counters.count(uow, stage.id, 1, lead.value_cents)
    lead.stage_id = stage.id
    lead.stage_kind = stage.kind
    lead.stage_entered_at = uow.now
    lead.lost_reason_id = move.lost_reason_id if stage.kind == "lost" else None
    lead.version += 1


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


def _lost_reasons(uow: UnitOfWork, moves: Sequence[Move]) -> set[UUID]:
    wanted = {move.lost_reason_id for move in moves if move.lost_reason_id is not None}
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
