"""The verb of notices: having seen them."""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from crm.core.uow import UnitOfWork
from pipelines.notices.models import NoticeMark

_marks: Any = NoticeMark.__table__  # type: ignore[attr-defined]


def mark_seen(uow: UnitOfWork, user_id: UUID) -> None:
    """Note that a user has seen everything up to now."""
    statement = insert(_marks).values(clinic_id=uow.clinic_id, id=user_id, seen_at=uow.now)
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["clinic_id", "id"], set_={"seen_at": statement.excluded.seen_at}
        )
    )
