"""What the gate asks of automations: is the enrollment that queued a text still live?"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select

from automations.enrollments import ORIGIN
from automations.models import Enrollment
from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]


def origin_facts(
    uow: UnitOfWork, communication_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Return `is_origin_live` of those communications that an enrollment queued."""
    values = {"clinic": uow.clinic_id, "ids": list(communication_ids)}
    rows = uow.session.execute(_STATES, values)
    return {row.id: {"is_origin_live": row.state == "live"} for row in rows}


_STATES = (
    select(_communications.c.id, _enrollments.c.state)
    .join(
        _enrollments,
        and_(
            _enrollments.c.clinic_id == _communications.c.clinic_id,
            _enrollments.c.id == _communications.c.origin_id,
        ),
    )
    .where(
        _communications.c.clinic_id == bindparam("clinic"),
        given(_communications.c.id),
        _communications.c.origin_kind == ORIGIN,
    )
)
