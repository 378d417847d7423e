"""How events of leads read on a timeline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.core.bulk import among
from crm.core.events import Event, EventRow
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from pipelines.models import AppointmentRequest, LostReason, Stage, StageMove

PAGE = 40
MOST_REREAD = 400


@dataclass(frozen=True)
class Page:
    """A page of stored events, the newest first; `older` is where the next one goes on.

    `since` is the oldest event of this one, and `before_at` when the one was that it follows.
    """

    events: Sequence[EventRow]
    older: UUID | None
    since: UUID | None
    before_at: datetime | None


def page_of(
    uow: UnitOfWork,
    contact_ids: Any,
    names: Sequence[str],
    *,
    before: UUID | None = None,
    since: UUID | None = None,
) -> Page:
    """Return a page of the events of a person that have these names.

    `before` an event, or from an event on: what is new at the top of a page that is open.
    """
    query = select(EventRow).where(
        col(EventRow.clinic_id) == uow.clinic_id,
        col(EventRow.contact_id).in_(contact_ids),
        among(col(EventRow.name), names),
    )
    if before is not None:
        query = query.where(col(EventRow.id) < before)
    if since is not None:
        query = query.where(col(EventRow.id) >= since)
    most = MOST_REREAD if since is not None else PAGE
    newest = query.order_by(col(EventRow.id).desc()).limit(most + 1)
    rows = list(uow.session.scalars(newest))
    events = rows[:most]
    older = events[-1].id if len(rows) > most else None
    return Page(events, older, events[-1].id if events else None, _at(uow, before))


def _at(uow: UnitOfWork, event_id: UUID | None) -> datetime | None:
    if event_id is None:
        return None
    return uow.session.scalar(
        select(col(EventRow.at)).where(
            col(EventRow.clinic_id) == uow.clinic_id, col(EventRow.id) == event_id
        )
    )


def _reads(uow: UnitOfWork, events: Sequence[Event]) -> Mapping[str, Any]:
    moves = [event for event in events if isinstance(event, LeadStageChanged)]
    requests = {event.request_id for event in events if isinstance(event, _Asked)}
    ours = (
        col(AppointmentRequest.clinic_id) == uow.clinic_id,
        col(AppointmentRequest.id).in_(requests - {None}),
    )
    said = select(col(AppointmentRequest.id), col(AppointmentRequest.body)).where(*ours)
    return {
        **({"requests": said} if requests - {None} else {}),
        **(_about_moves(uow, moves) if moves else {}),
    }


_Asked = LeadCreated | LeadRequestedAgain


def _fill(uow: UnitOfWork, events: Sequence[Event], found: Found) -> Mapping[UUID, Entry]:
    stages = {row.id: row.name for row in found.get("stages", ())}
    told = {row.id: _told(row) for row in found.get("moves", ())}
    words = {row.id: _words(uow, row) for row in found.get("requests", ())}
    moves = [event for event in events if isinstance(event, LeadStageChanged)]
    requests = [event for event in events if isinstance(event, _Asked)]
    return {
        **{event.id: _move(event, stages, *told.get(event.move_id, ("", ""))) for event in moves},
        **{
            event.id: Entry(_title(event), words.get(event.request_id, ""), "request", tone="blue")
            for event in requests
        },
    }


def _title(event: LeadCreated | LeadRequestedAgain) -> str:
    if isinstance(event, LeadRequestedAgain):
        return _("Asked again for an appointment")
    return _("Asked for an appointment")


def _words(uow: UnitOfWork, row: Any) -> str:
    """Return what a request said beside the name and the addresses."""
    arrived = json.loads(uow.decrypt(row.id, row.body))
    parts = (arrived.get(name) for name in ("service", "preferred_time", "message"))
    return "\n".join(part.strip() for part in parts if isinstance(part, str) and part)


def _move(event: LeadStageChanged, names: Mapping[UUID, str], why: str, who: str) -> Entry:
    title = _(
        "Moved from %(old)s to %(new)s",
        old=names.get(event.from_stage_id, "?"),
        new=names.get(event.to_stage_id, "?"),
    )
    return Entry(title, why, "move", who=who)


def _about_moves(uow: UnitOfWork, events: Sequence[LeadStageChanged]) -> Mapping[str, Any]:
    pipelines = {event.pipeline_id for event in events}
    its = (col(LostReason.clinic_id) == col(StageMove.clinic_id)) & (
        col(LostReason.id) == col(StageMove.lost_reason_id)
    )
    why: Any = (
        col(StageMove.reason),
        col(StageMove.principal_kind),
        col(LostReason.name).label("lost"),
    )
    return {
        "stages": select(col(Stage.id), col(Stage.name)).where(
            col(Stage.clinic_id) == uow.clinic_id, col(Stage.pipeline_id).in_(pipelines)
        ),
        "moves": select(col(StageMove.id), *why)
        .outerjoin(LostReason, its)
        .where(
            col(StageMove.clinic_id) == uow.clinic_id,
            col(StageMove.id).in_({event.move_id for event in events}),
        ),
    }


def _told(row: Any) -> tuple[str, str]:
    """Return why a move was made, and by which sequence if one made it."""
    # A sequence gives its own name as the reason.
    is_by_sequence = row.principal_kind == "automation" and row.reason
    who = _("the sequence “%(name)s”", name=row.reason) if is_by_sequence else ""
    why = " · ".join(part for part in (row.lost, "" if who else row.reason) if part)
    return why, who


TIMELINE = TimelineSource((LeadCreated, LeadRequestedAgain, LeadStageChanged), _fill, reads=_reads)
