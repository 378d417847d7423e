"""Verbs of leads: create many, move many, ask again; a form calls them with one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select

from crm.accounts.models import Clinic
from crm.core.asking import PLACES
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from pipelines import counters
from pipelines.clocks import TERMS
from pipelines.errors import NoPipeline
from pipelines.events import LeadCreated, LeadRequestedAgain
from pipelines.models import Lead, Pipeline, Stage
from pipelines.moving import Move, lock_leads, move_leads, undo_move
from pipelines.ranking import entry_rank
from pipelines.replies import due_at, wind_clocks

__all__ = [
    "CreatedLead",
    "Move",
    "NewLead",
    "RequestedAgain",
    "add_pipeline",
    "create_leads",
    "lock_leads",
    "move_leads",
    "request_again",
    "undo_move",
]

STALE_AFTER_DAYS: Mapping[str, int] = {"open": 7}
"""After how many days in a new stage of a kind a lead has waited too long there."""


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


def add_pipeline(
    uow: UnitOfWork, name: str, stages: Sequence[tuple[str, str]], *, is_default: bool = False
) -> Pipeline:
    """Add a pipeline with its stages, given in order as (name, kind)."""
    pipeline = Pipeline(name=name, is_default=is_default, created_at=uow.now)
    uow.add(pipeline)
    uow.add(
        *(
            Stage(
                pipeline_id=pipeline.id,
                name=stage,
                kind=kind,
                position=position,
                stale_after_days=STALE_AFTER_DAYS.get(kind),
            )
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
    due = _reply_times(uow, {entries[one.pipeline_id] for one in created})
    rows = [
        # The last one of a chunk came last, so it stands on top.
        {
            **_row(uow, new, one),
            "rank": entry_rank(uow, len(leads) - number),
            "reply_due_at": due.get(one.pipeline_id),
        }
        for number, (new, one) in enumerate(zip(leads, created, strict=True), start=1)
    ]
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


_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]
_pipelines: Any = Pipeline.__table__  # type: ignore[attr-defined]
_stages: Any = Stage.__table__  # type: ignore[attr-defined]
_ENTRIES = (
    select(_pipelines.c.id, _stages.c.id.label("stage_id"), *TERMS)
    .join(_clinics, _clinics.c.id == _pipelines.c.clinic_id)
    .join(
        _stages,
        (_stages.c.clinic_id == _pipelines.c.clinic_id)
        & (_stages.c.pipeline_id == _pipelines.c.id),
    )
    .where(
        _pipelines.c.clinic_id == PLACES.clinic_id,
        _stages.c.kind == "open",
        _stages.c.removed_at.is_(None),
    )
    .order_by(_pipelines.c.is_default.desc(), _pipelines.c.position, _stages.c.position)
    .with_for_update(read=True, key_share=True, of=_stages)
)


def _entry_stages(uow: UnitOfWork) -> dict[UUID | None, Row[Any]]:
    """Return each pipeline's first open stage by pipeline, and the default one's under None."""
    entries: dict[UUID | None, Row[Any]] = {}
    for row in uow.session.execute(_ENTRIES, PLACES.of(uow)):
        entries.setdefault(None, row)
        entries.setdefault(row.id, row)
    return entries


def _place(new: NewLead, entries: Mapping[UUID | None, Row[Any]]) -> CreatedLead:
    if new.pipeline_id not in entries:
        raise NoPipeline
    entry = entries[new.pipeline_id]
    return CreatedLead(new.id, new.contact_id, entry.id, entry.stage_id)


def _reply_times(uow: UnitOfWork, entries: Iterable[Row[Any]]) -> dict[UUID, datetime | None]:
    """Return by pipeline when who asks now should have an answer; who is at the desk has one."""
    if uow.principal.kind == "user":
        return {}
    return {entry.id: due_at(uow.now, entry) for entry in entries}


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
    wind_clocks(uow, [request.lead_id for request in again])
