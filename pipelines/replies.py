"""The reply-due clock: by when somebody of the clinic should have answered a patient (ui.md §4).

It starts when a patient asks or writes, only the clinic's hours count towards it, and it stops when
somebody answered: a text that a person wrote and that left, a call that reached the patient, or
somebody's word that none is needed. Looking, moving and automated texts leave it running.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Row, and_, cast, or_, select, update

from crm.compliance import quiet_hours, windows
from crm.contacts.queries import canonical_ids, families
from crm.core.bulk import among, each_its_own
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from pipelines.clocks import clocks
from pipelines.events import LeadReplyDueChanged, LeadReplyWaived, LeadReplyWanted
from pipelines.models import Lead

PURSUED = ("open", "booked")
"""The kinds of stages in which a patient waits for an answer."""

_leads: Any = Lead.__table__  # type: ignore[attr-defined]


def due_at(asked_at: datetime, terms: Any) -> datetime | None:
    """Return when who asked then should have an answer; None where a pipeline promises none.

    Only minutes within the clinic's hours count; `terms` has the columns of `clocks.TERMS`.
    """
    if terms.reply_within_minutes is None:
        return None
    left = timedelta(minutes=terms.reply_within_minutes)
    week = windows.week((), terms.window_start_hour, terms.window_end_hour)
    zones = (terms.timezone,)
    opening = quiet_hours.earliest_in(asked_at, zones, week)
    while opening is not None:
        closing = quiet_hours.closing(opening, zones, week)
        if opening + left <= closing:
            return opening + left
        left -= closing - opening
        opening = quiet_hours.earliest_in(closing, zones, week)
    return asked_at + left


def lock_theirs(uow: UnitOfWork, events: Iterable[Event]) -> Sequence[Row[Any]]:
    """Lock the leads that events name, and those of their patients that are pursued or wait.

    Rows of id, contact_id, stage_kind and unread_at, in the order of their ids.
    """
    told = list(events)
    named = {event.lead_id for event in told if event.lead_id}
    people = {event.contact_id for event in told if event.contact_id}
    family = families(uow, canonical_ids(uow, sorted(people)).values())
    if not named and not family:
        return []
    is_open = or_(_leads.c.stage_kind.in_(PURSUED), _leads.c.reply_due_at.is_not(None))
    theirs = and_(among(_leads.c.contact_id, sorted(family)), is_open)
    return uow.session.execute(
        select(_leads.c.id, _leads.c.contact_id, _leads.c.stage_kind, _leads.c.unread_at)
        .where(_leads.c.clinic_id == uow.clinic_id, or_(among(_leads.c.id, sorted(named)), theirs))
        .order_by(_leads.c.id)
        .with_for_update(key_share=True)
    ).all()


def wind_clocks(uow: UnitOfWork, lead_ids: Collection[UUID]) -> None:
    """Work out anew by when these leads must be answered, and tell of those where that changed.

    The leads are locked. It reads what happened and adds nothing up: twice or late is as good.
    """
    if not lead_ids:
        return
    rows = uow.session.execute(clocks(uow, lead_ids)).all()
    due = {row.id: due_at(row.asked_at, row) if row.asked_at else None for row in rows}
    changed = [row for row in rows if due[row.id] != row.reply_due_at]
    if not changed:
        return
    times = {row.id: time.isoformat() for row in changed if (time := due[row.id])}
    uow.session.execute(
        update(Lead)
        .where(_leads.c.clinic_id == uow.clinic_id, among(_leads.c.id, [row.id for row in changed]))
        .values(reply_due_at=cast(each_its_own(_leads.c.id, times), DateTime(timezone=True)))
    )
    uow.emit(
        LeadReplyDueChanged(order_key=row.id, lead_id=row.id, contact_id=row.contact_id)
        for row in changed
    )


def waive_reply(uow: UnitOfWork, lead_id: UUID, seen_at: datetime | None = None) -> None:
    """Note that what a patient asked or wrote until `seen_at` needs no answer. Raises NotFound."""
    lead = uow.get(Lead, lead_id)
    seen_at = min(seen_at or uow.now, uow.now)
    ids = {"order_key": lead.id, "lead_id": lead.id, "contact_id": lead.contact_id}
    _say(uow, LeadReplyWaived(**ids, seen_at=seen_at))


def want_reply(uow: UnitOfWork, lead_id: UUID) -> bool:
    """Take back that no answer is needed; return whether one is due. Raises NotFound."""
    lead = uow.get(Lead, lead_id)
    _say(uow, LeadReplyWanted(order_key=lead.id, lead_id=lead.id, contact_id=lead.contact_id))
    uow.session.refresh(lead)
    return lead.reply_due_at is not None


def _say(uow: UnitOfWork, word: LeadReplyWaived | LeadReplyWanted) -> None:
    leads = lock_theirs(uow, [word])
    uow.emit(word)
    wind_clocks(uow, [lead.id for lead in leads])


def stop_clocks(uow: UnitOfWork, pipeline_id: UUID) -> None:
    """Let nobody wait on a pipeline that promises no answer any more."""
    waiting = (_leads.c.pipeline_id == pipeline_id, _leads.c.reply_due_at.is_not(None))
    ids = uow.session.scalars(
        select(_leads.c.id)
        .where(_leads.c.clinic_id == uow.clinic_id, *waiting)
        .order_by(_leads.c.id)
        .with_for_update(key_share=True)
    )
    wind_clocks(uow, ids.all())
