"""What the gate asks of automations: is the enrollment that queued a text still live, and its
sequence not paused?

One that did all its steps counts as live: its last text may be tried once more (TW-44). Nothing
else of it can wait, for it goes on only when its texts are settled.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select

from automations.enrollments import ORIGIN
from automations.models import Automation, Enrollment
from automations.walking import FINISHED
from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication

_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]


def origin_facts(
    uow: UnitOfWork, communication_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Return whether the origin is live, and paused, of texts that an enrollment queued."""
    values = {"clinic": uow.clinic_id, "ids": list(communication_ids)}
    return {
        row.id: {
            "is_origin_live": row.state == "live" or row.exit_reason == FINISHED,
            "is_origin_paused": row.automation == "paused" or row.paused_at is not None,
        }
        for row in uow.session.execute(_STATES, values)
    }


def _states() -> Any:
    c, passage, whole = _communications.c, _enrollments.c, _automations.c
    its = and_(passage.clinic_id == c.clinic_id, passage.id == c.origin_id)
    theirs = and_(whole.clinic_id == c.clinic_id, whole.id == passage.automation_id)
    return (
        select(
            c.id,
            passage.state,
            passage.exit_reason,
            passage.paused_at,
            whole.state.label("automation"),
        )
        .join(_enrollments, its)
        .join(_automations, theirs)
        .where(c.clinic_id == bindparam("clinic"), given(c.id), c.origin_kind == ORIGIN)
    )


_STATES = _states()
