"""The verbs of notices: telling staff something, and having seen it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from crm.core.bulk import insert_rows
from crm.core.uow import UnitOfWork
from pipelines.notices.models import NoticeMark, StaffNotice

TOLD = "notice.told"
"""How open pages are told that there is one more."""

_marks: Any = NoticeMark.__table__  # type: ignore[attr-defined]
_notices: Any = StaffNotice.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class NewNotice:
    """Something to be told about a lead to a user, or to everybody; the same id is told once."""

    id: UUID
    lead_id: UUID
    user_id: UUID | None
    message: str = field(repr=False)


def tell_staff(uow: UnitOfWork, notices: Sequence[NewNotice]) -> None:
    """Show notices to those whom they are for; one whose id is known is left as it is."""
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": one.id,
            "lead_id": one.lead_id,
            "user_id": one.user_id,
            "message": uow.encrypt(one.id, one.message),
            "told_at": uow.now,
        }
        for one in notices
    ]
    insert_rows(uow.session, _notices, rows, skip_known=True)
    for one in notices:
        uow.tell(TOLD, lead_id=one.lead_id)


def mark_seen(uow: UnitOfWork, user_id: UUID) -> None:
    """Note that a user has seen everything up to now."""
    statement = insert(_marks).values(clinic_id=uow.clinic_id, id=user_id, seen_at=uow.now)
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["clinic_id", "id"], set_={"seen_at": statement.excluded.seen_at}
        )
    )
