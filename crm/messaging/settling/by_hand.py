"""A person's word on a text that nobody else could tell about."""

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.compliance.actions import lock_addresses
from crm.core.errors import N_, Conflict
from crm.core.uow import UnitOfWork
from crm.messaging import writes
from crm.messaging.models import Communication


class AlreadySettled(Conflict):
    """What became of the text is known by now."""

    code = "already_settled"
    title = N_("What became of this text is known by now")


def settle_by_hand(uow: UnitOfWork, communication_id: UUID, *, was_sent: bool) -> None:
    """Settle an unconfirmed text by what a person found out; it is not sent again.

    Raises NotFound, AlreadySettled.
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
    if row.status != "unconfirmed":
        raise AlreadySettled
    outcome = {
        "id": row.id,
        "status": "sent" if was_sent else "failed",
        "provider": row.provider_id,
        "provider_status": row.provider_status,
        "code": row.error_code,
        "reason": None if was_sent else "not_sent_says_person",
    }
    writes.tell_settled(uow, writes.run(uow, writes.APPLY, [outcome]))
