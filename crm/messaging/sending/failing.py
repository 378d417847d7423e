"""A text that could not be worked on so often that it is left to a person."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.compliance.actions import lock_addresses
from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.models import Communication
from crm.messaging.states import GAVE_UP

_text: Any = Communication.__table__.c  # type: ignore[attr-defined]


def failing(uow: UnitOfWork, ids: Sequence[UUID]) -> Callable[[], None]:
    """Lock the addresses of texts that failed; the result tells who waits for them that they died.

    Nobody is held up by a dead text. It stays queued: *Retry* sends it, if it is still of use, and
    tells of it again.
    """
    rows = uow.session.execute(
        select(*writes.TOLD).where(_text.clinic_id == uow.clinic_id, among(_text.id, list(ids)))
    ).all()
    lock_addresses(uow, [row.address_id for row in rows])
    return lambda: uow.emit(telling.settled(row, "failed", GAVE_UP) for row in rows)
