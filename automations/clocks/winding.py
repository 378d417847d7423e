"""Setting an automation's clock when it is published: what came before starts nobody."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from automations.definitions import SequenceDefinition
from automations.models import TriggerClock
from automations.triggers.timed import TimedTrigger
from crm.core.uow import UnitOfWork

_clocks: Any = TriggerClock.__table__  # type: ignore[attr-defined]


def wind_clock(
    uow: UnitOfWork,
    automation_id: UUID,
    definition: SequenceDefinition,
    before: SequenceDefinition | None,
) -> None:
    """Let an automation look at the time from now on, or no more; `before` was published last.

    Who waited long enough before is not started, or publishing would write to everybody at once. A
    trigger that stays what it was goes on where it is.
    """
    if not isinstance(definition.trigger, TimedTrigger):
        its = (_clocks.c.clinic_id == uow.clinic_id, _clocks.c.id == automation_id)
        uow.session.execute(delete(_clocks).where(*its))
        return
    if before is not None and before.trigger == definition.trigger:
        return
    anew = {
        "counts_from": uow.now,
        "reached_at": uow.now,
        "reached_id": None,
        "due_at": uow.now,
        "lease_token": None,
        "lease_until": None,
        "dead_at": None,
        "attempts": 0,
    }
    row = {"clinic_id": uow.clinic_id, "id": automation_id, "queue": "default", **anew}
    statement = insert(_clocks).values(row)
    uow.session.execute(
        statement.on_conflict_do_update(index_elements=["clinic_id", "id"], set_=anew)
    )
