"""The job that links what ledgers were given into their chains."""

from collections.abc import Sequence
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.core.crypto import ClinicKey
from crm.core.database import Database
from crm.core.models import Chained
from crm.core.runtime import Job
from crm.privacy import chain

EVERY_SECONDS = 60
_MOST_SECONDS = 50.0


def chain_job(ledgers: Sequence[type[Chained]]) -> Job:
    """Return the job for these ledgers."""
    return Job("chain", EVERY_SECONDS, lambda runtime: link_all(runtime.database, ledgers))


def link_all(database: Database, ledgers: Sequence[type[Chained]]) -> None:
    """Link what waits, a chunk of each clinic in turn; after 50 s the rest waits for the next run.

    A chunk is one transaction: who dies in it has linked none of it.
    """
    until = monotonic() + _MOST_SECONDS
    for ledger in ledgers:
        clinics = _waiting(database, ledger)
        while clinics and monotonic() < until:
            clinics = [one for one in clinics if _link(database, ledger, one) == chain.CHUNK]


def _link(database: Database, ledger: type[Chained], clinic_id: UUID) -> int:
    with database.system() as system:
        return chain.link(system.session, database.keyring, ledger, clinic_id)


def _waiting(database: Database, ledger: type[Chained]) -> Sequence[UUID]:
    """Return the clinics, of those that still have a key, with rows to be linked."""
    table: Any = ledger.__table__  # type: ignore[attr-defined]
    keys: Any = ClinicKey.__table__  # type: ignore[attr-defined]
    rows = select(table.c.id).where(
        table.c.clinic_id == keys.c.clinic_id, table.c.chain_seq.is_(None)
    )
    with database.system() as system:
        return system.session.scalars(
            select(keys.c.clinic_id).where(rows.exists()).distinct().order_by(keys.c.clinic_id)
        ).all()
