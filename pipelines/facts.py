"""What the gate asks of leads."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select

from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication
from pipelines.models import Lead


def lead_facts(uow: UnitOfWork, communication_ids: Sequence[UUID]) -> Mapping[UUID, dict[str, Any]]:
    """Return whether the lead of each communication is still being pursued, and booked since when.

    A lost lead gets no more automated texts; a booked or won one may, where a sequence of that
    stage sends them.
    """
    values = {"clinic": uow.clinic_id, "ids": list(communication_ids)}
    rows = uow.session.execute(_STAGES, values)
    return {
        row.id: {
            "is_lead_open": row.stage_kind != "lost",
            "booked_at": row.stage_entered_at if row.stage_kind in ("booked", "won") else None,
        }
        for row in rows
    }


_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_its = and_(_leads.c.clinic_id == _texts.c.clinic_id, _leads.c.id == _texts.c.lead_id)
_STAGES = (
    select(_texts.c.id, _leads.c.stage_kind, _leads.c.stage_entered_at)
    .join(_leads, _its)
    .where(_texts.c.clinic_id == bindparam("clinic"), given(_texts.c.id))
)
