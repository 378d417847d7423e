"""What is looked up before the clinic is known: sessions, API keys, form keys, provider accounts.

Only the hash of a key is kept, and a reader sees only the doors that his key opens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, delete, select
from sqlmodel import col

from crm.accounts.models import Door
from crm.core.asking import Asking
from crm.core.bulk import insert_rows
from crm.core.database import Database
from crm.core.uow import UnitOfWork

_doors: Any = Door.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Opened:
    """Where a key leads: a clinic, and a row of it."""

    clinic_id: UUID
    ref_id: UUID


def hash_key(kind: str, key: str) -> str:
    """Return what is stored of a key: SHA-256 over its kind and itself, in hex."""
    return sha256(f"{kind}\0{key}".encode()).hexdigest()


def resolve(database: Database, kind: str, key: str) -> list[Opened]:
    """Return where a key leads; nowhere for an unknown one. The only read across clinics."""
    hashed = hash_key(kind, key)
    with database.visitor(hashed) as session:
        doors = session.scalars(
            select(Door)
            .where(col(Door.kind) == kind, col(Door.key_hash) == hashed)
            .order_by(col(Door.clinic_id))
        )
        return [Opened(door.clinic_id, door.ref_id) for door in doors]


def behind(asking: Asking, kind: str, key_hash: ColumnElement[str]) -> ScalarSelect[UUID]:
    """Return the expression of the clinic's row that a hashed key leads to, or of NULL."""
    return (
        select(col(Door.ref_id))
        .where(
            col(Door.kind) == kind,
            col(Door.key_hash) == key_hash,
            col(Door.clinic_id) == asking.clinic_id,
        )
        .scalar_subquery()
    )


def open_door(uow: UnitOfWork, kind: str, key: str, ref_id: UUID) -> None:
    """Let a key lead to a row of this clinic."""
    uow.add(Door(kind=kind, key_hash=hash_key(kind, key), clinic_id=uow.clinic_id, ref_id=ref_id))


def open_doors(uow: UnitOfWork, kind: str, leads_to: Mapping[str, UUID]) -> None:
    """Let each key lead to its row of this clinic, where it does not already."""
    rows = [
        {"kind": kind, "key_hash": hash_key(kind, key), "clinic_id": uow.clinic_id, "ref_id": ref}
        for key, ref in leads_to.items()
    ]
    insert_rows(uow.session, _doors, rows, skip_known=True)


def close_doors(uow: UnitOfWork, kind: str, *ref_ids: UUID) -> None:
    """Let no key of this kind lead to the rows any more."""
    uow.session.execute(
        delete(Door).where(
            col(Door.kind) == kind,
            col(Door.clinic_id) == uow.clinic_id,
            col(Door.ref_id).in_(ref_ids),
        )
    )
