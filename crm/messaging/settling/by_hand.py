"""What a person is asked about a text that nobody else could tell about, and what he answers."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlmodel import col

from crm.compliance.actions import lock_addresses
from crm.core.bulk import among
from crm.core.errors import N_, Conflict
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.models import Communication
from crm.messaging.states import NEEDS_PERSON, NOT_SENT
from crm.privacy.actions import audit

log = structlog.get_logger()
_texts: Any = Communication.__table__  # type: ignore[attr-defined]


class AlreadySettled(Conflict):
    """What became of the text is known by now."""

    code = "already_settled"
    title = N_("What became of this text is known by now")


def settle_by_hand(uow: UnitOfWork, communication_id: UUID, *, was_sent: bool) -> Communication:
    """Settle an unconfirmed text by what a person found out; it is not sent again.

    So is one that was given up without knowing. Return it. Raises NotFound, AlreadySettled.
    """
    lock_addresses(uow, [uow.get(Communication, communication_id).address_id])
    row = uow.session.scalars(
        select(Communication)
        .where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.id) == communication_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    is_open = row.status == "unconfirmed"
    if not (is_open or (row.status == "failed" and row.reason == NEEDS_PERSON)):
        raise AlreadySettled
    outcome = {
        "id": row.id,
        "status": "sent" if was_sent else "failed",
        "provider": row.provider_id,
        "provider_status": row.provider_status,
        "code": row.error_code,
        "reason": None if was_sent else NOT_SENT,
    }
    told = writes.run(uow, writes.APPLY, [outcome])
    # Of one that was given up everybody has been told.
    telling.tell_settled(uow, told if is_open else [])
    telling.tell_staff_texts(uow, [] if is_open else told)
    telling.tell_failed(uow, told)
    audit(uow, "communication.settled", "communication", row.id, was_sent=was_sent)
    return row


def leave_to_person(uow: UnitOfWork, ids: Sequence[UUID]) -> Callable[[], None]:
    """Lock the addresses of texts whose settling failed; the result shows them to a person."""
    mine = (_texts.c.clinic_id == uow.clinic_id, among(_texts.c.id, list(ids)))
    lock_addresses(uow, list(uow.session.scalars(select(_texts.c.address_id).where(*mine))))

    def show() -> None:
        uow.session.execute(
            update(_texts)
            .where(*mine, _texts.c.status.in_(("sending", "unconfirmed")))
            .values(status="unconfirmed", reason=NEEDS_PERSON)
        )
        log.error("communication.needs_person", ids=[str(one) for one in ids])

    return show
