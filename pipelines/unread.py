"""What patients wrote and nobody has read yet, told on their leads."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlmodel import col

from crm.contacts.queries import families
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.events import LeadUnreadChanged
from pipelines.models import Lead

_leads: Any = Lead.__table__  # type: ignore[attr-defined]


def mark_unread(uow: UnitOfWork, texts: Iterable[TextReceived]) -> None:
    """Note that texts wait on the leads they answer, and on the open ones of who wrote them."""
    told = list(texts)
    people = families(uow, {text.contact_id for text in told if text.contact_id})
    is_pursued = _leads.c.stage_kind.in_(("open", "booked"))
    answered = {text.lead_id for text in told if text.lead_id}
    theirs = or_(
        among(_leads.c.id, sorted(answered)),
        and_(among(_leads.c.contact_id, sorted(people)), is_pursued),
    )
    if answered or people:
        _set(uow, and_(theirs, _leads.c.unread_at.is_(None)), is_unread=True)


def mark_read(uow: UnitOfWork, lead_id: UUID) -> None:
    """Note that somebody of the clinic has read what waited on a lead."""
    _set(uow, and_(_leads.c.id == lead_id, _leads.c.unread_at.is_not(None)), is_unread=False)


def _set(uow: UnitOfWork, which: ColumnElement[bool], *, is_unread: bool) -> None:
    """Change leads that are locked in id order, and tell of each."""
    changed = uow.session.execute(
        select(_leads.c.id, _leads.c.contact_id)
        .where(_leads.c.clinic_id == uow.clinic_id, which)
        .order_by(_leads.c.id)
        .with_for_update(key_share=True)
    ).all()
    if not changed:
        return
    ids = [row.id for row in changed]
    uow.session.execute(
        update(Lead)
        .where(col(Lead.clinic_id) == uow.clinic_id, among(col(Lead.id), ids))
        .values(unread_at=uow.now if is_unread else None)
    )
    uow.emit(
        LeadUnreadChanged(
            order_key=row.id, lead_id=row.id, contact_id=row.contact_id, is_unread=is_unread
        )
        for row in changed
    )
