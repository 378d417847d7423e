"""What patients wrote and nobody has read yet, told on their leads."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlmodel import col

from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from pipelines.events import LeadUnreadChanged
from pipelines.models import Lead
from pipelines.replies import PURSUED, lock_theirs, wind_clocks

_leads: Any = Lead.__table__  # type: ignore[attr-defined]


def mark_unread(uow: UnitOfWork, texts: Iterable[TextReceived]) -> None:
    """Note that texts wait on the leads they answer, and on the open ones of who wrote them."""
    told = list(texts)
    waiting = lock_theirs(uow, told)
    answered = {text.lead_id for text in told}
    unread = [lead for lead in waiting if lead.stage_kind in PURSUED or lead.id in answered]
    _set(uow, [lead for lead in unread if lead.unread_at is None], is_unread=True)
    wind_clocks(uow, [lead.id for lead in waiting])


def mark_read(uow: UnitOfWork, lead_id: UUID) -> None:
    """Note that somebody of the clinic has read what waited on a lead."""
    is_it = (_leads.c.clinic_id == uow.clinic_id, _leads.c.id == lead_id)
    unread = uow.session.execute(
        select(_leads.c.id, _leads.c.contact_id)
        .where(*is_it, _leads.c.unread_at.is_not(None))
        .with_for_update(key_share=True)
    ).all()
    _set(uow, unread, is_unread=False)


def _set(uow: UnitOfWork, changed: Sequence[Row[Any]], *, is_unread: bool) -> None:
    """Change leads that are locked, and tell of each."""
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
