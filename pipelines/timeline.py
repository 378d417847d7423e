"""How events of leads read on a timeline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from crm.core.bulk import among
from crm.core.events import Event, EventRow
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, TimelineSource
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
        select(EventRow.at).where(
            col(EventRow.clinic_id) == uow.clinic_id, col(EventRow.id) == event_id
        )
    )


def _fill(uow: UnitOfWork, events: Sequence[Event]) -> Mapping[UUID, Entry]:
    moves = _moves(uow, [event for event in events if isinstance(event, LeadStageChanged)])
    requests = [event for event in events if isinstance(event, LeadCreated | LeadRequestedAgain)]
    words = _words(uow, {event.request_id for event in requests if event.request_id})
    return {
        **moves,
        **{
            event.id: Entry(_title(event), words.get(event.request_id, ""), "request", tone="blue")
            for event in requests
        },
    }


def _title(event: LeadCreated | LeadRequestedAgain) -> str:
    if isinstance(event, LeadRequestedAgain):
        return _("Asked again for an appointment")
    return _("Asked for an appointment")


def _words(uow: UnitOfWork, request_ids: set[UUID]) -> dict[UUID | None, str]:
    """Return what each request said beside the name and the addresses."""
    rows = uow.session.scalars(
        select(AppointmentRequest).where(
            col(AppointmentRequest.clinic_id) == uow.clinic_id,
            col(AppointmentRequest.id).in_(request_ids),
        )
    )
    said: dict[UUID | None, str] = {}
    for row in rows:
        arrived = json.loads(uow.decrypt(row.id, row.body))
        parts = (arrived.get(name) for name in ("service", "preferred_time", "message"))
        said[row.id] = "\n".join(part.strip() for part in parts if isinstance(part, str) and part)
    return said


def _moves(uow: UnitOfWork, events: Sequence[LeadStageChanged]) -> dict[UUID, Entry]:
    if not events:
        return {}
    names = {
        row.id: row.name
        for row in uow.session.execute(
            select(Stage.id, Stage.name).where(
                col(Stage.clinic_id) == uow.clinic_id,
                col(Stage.pipeline_id).in_({event.pipeline_id for event in events}),
            )
        )
    }
    told = _told(uow, events)
    return {event.id: _move(event, names, *told.get(event.move_id, ("", ""))) for event in events}


def _move(event: LeadStageChanged, names: Mapping[UUID, str], why: str, who: str) -> Entry:
    title = _(
        "Moved from %(old)s to %(new)s",
        old=names.get(event.from_stage_id, "?"),
        new=names.get(event.to_stage_id, "?"),
    )
    return Entry(title, why, "move", who=who)


def _told(uow: UnitOfWork, events: Sequence[LeadStageChanged]) -> dict[UUID, tuple[str, str]]:
    """Return why each move was made, and by which sequence if one made it."""
    rows = uow.session.execute(
        select(StageMove.id, StageMove.reason, StageMove.principal_kind, LostReason.name)
        .outerjoin(
            LostReason,
            (col(LostReason.clinic_id) == col(StageMove.clinic_id))
            & (col(LostReason.id) == col(StageMove.lost_reason_id)),
        )
        .where(
            col(StageMove.clinic_id) == uow.clinic_id,
            col(StageMove.id).in_({event.move_id for event in events}),
        )
    )
    told = {}
    for move_id, reason, kind, lost in rows:
        # A sequence gives its own name as the reason.
        is_by_sequence = kind == "automation" and reason
        who = _("the sequence “%(name)s”", name=reason) if is_by_sequence else ""
        why = " · ".join(part for part in (lost, "" if who else reason) if part)
        told[move_id] = (why, who)
    return told


TIMELINE = TimelineSource((LeadCreated, LeadRequestedAgain, LeadStageChanged), _fill)
