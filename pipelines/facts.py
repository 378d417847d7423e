"""What the gate asks of leads."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select
from sqlmodel import col

from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication
from pipelines.models import Lead


def lead_facts(uow: UnitOfWork, communication_ids: Sequence[UUID]) -> Mapping[UUID, dict[str, Any]]:
    """Return whether the lead of each communication is still being pursued.

    A lost lead gets no more automated texts; a booked or won one may, where a sequence of that
    stage sends them.
    """
    values = {"clinic": uow.clinic_id, "ids": list(communication_ids)}
    rows = uow.session.execute(_STAGES, values)
    return {row.id: {"is_lead_open": row.stage_kind != "lost"} for row in rows}


_STAGES = (
    select(col(Communication.id), col(Lead.stage_kind))
    .join(
        Lead,
        and_(
            col(Lead.clinic_id) == col(Communication.clinic_id),
            col(Lead.id) == col(Communication.lead_id),
        ),
    )
    .where(col(Communication.clinic_id) == bindparam("clinic"), given(col(Communication.id)))
)
