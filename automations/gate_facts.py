"""What the gate asks of automations: is the enrollment that queued a text still live?"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select

from automations.enrollments import ORIGIN
from automations.models import Enrollment
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]


def origin_facts(
    uow: UnitOfWork, communication_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Return `is_origin_live` of those communications that an enrollment queued."""
    c = _communications.c
    its = and_(_enrollments.c.clinic_id == c.clinic_id, _enrollments.c.id == c.origin_id)
    rows = uow.session.execute(
        select(c.id, _enrollments.c.state)
        .join(_enrollments, its)
        .where(
            c.clinic_id == uow.clinic_id,
            among(c.id, communication_ids),
            c.origin_kind == ORIGIN,
        )
    )
    return {row.id: {"is_origin_live": row.state == "live"} for row in rows}
