"""The clinic's own brake: so many automated texts in one of its days, and no more (LAW-27).

One row a clinic and day counts them, changed by one statement a chunk and locked after all else;
whoever takes texts for the same clinic waits there for the commit, so the cap is exact.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.events import ClinicCapReached
from crm.messaging.models import SendDay
from crm.messaging.sending import judging
from crm.messaging.sending.judging import Verdict

REASON = "clinic_daily_cap"

_days: Any = SendDay.__table__  # type: ignore[attr-defined]
_ADD: Any = insert(_days)
_ADD = _ADD.on_conflict_do_update(
    index_elements=["clinic_id", "day"], set_={"taken": _days.c.taken + _ADD.excluded.taken}
).returning(_days.c.id, _days.c.taken, _days.c.reached_at)
log = structlog.get_logger()


def within_cap(uow: UnitOfWork, token: UUID, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
    """Return those of these texts that the clinic may still send today; the others are held.

    What a person wrote, keyword answers, emails, and what was counted before are not counted: the
    law's cap is of texts, and a thousand emails shall not keep one text back.
    """
    counted = [verdict for verdict in verdicts if _counts(verdict)]
    if not counted:
        return verdicts
    zone = ZoneInfo(counted[0].text.row.clinic_zone)
    room = _reserve(uow, zone, len(counted), counted[0].text.row.clinic_daily_cap)
    if room == len(counted):
        return verdicts
    over = counted[room:]
    judging.write(uow, token, [_held(verdict, _tomorrow(uow, zone)) for verdict in over])
    ids = {verdict.text.id for verdict in over}
    return [verdict for verdict in verdicts if verdict.text.id not in ids]


def _counts(verdict: Verdict) -> bool:
    """Whether it is automated and goes for the first time: a refusal for now left its code."""
    row = verdict.text.row
    is_text = verdict.text.facts.is_automated and row.channel == "sms"
    return is_text and row.error_code is None and row.resends == 0


def _reserve(uow: UnitOfWork, zone: ZoneInfo, wanted: int, cap: int) -> int:
    """Count up to `wanted` texts of today and return how many there is room for."""
    day = uow.now.astimezone(zone).date()
    values = {"clinic_id": uow.clinic_id, "id": new_id(), "day": day, "taken": wanted}
    row = uow.session.execute(_ADD, values).one()
    room: int = max(0, wanted - max(0, row.taken - cap))
    if room < wanted:
        uow.session.execute(
            update(_days)
            .where(_days.c.clinic_id == uow.clinic_id, _days.c.id == row.id)
            .values(taken=row.taken - wanted + room, reached_at=row.reached_at or uow.now)
        )
        if row.reached_at is None:
            uow.emit(ClinicCapReached(order_key=row.id, cap=cap))
            log.error("clinic.cap_reached", clinic_id=str(uow.clinic_id), cap=cap)
    return room


def _tomorrow(uow: UnitOfWork, zone: ZoneInfo) -> datetime:
    day = uow.now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _held(verdict: Verdict, until: datetime) -> Verdict:
    useful_until = verdict.text.facts.useful_until
    is_over = useful_until is not None and useful_until <= until
    return Verdict(verdict.text, reason=REASON, until=None if is_over else until)
