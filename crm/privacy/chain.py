"""The chain of a ledger: each row is signed together with the one before it (LAW-52).

A row is inserted free and linked later, at the next place of its clinic's chain; what commits late
is linked late, whatever its id. A link signs the row as it is, but for its erasable values: of
these it signs commitments, so that a value may be erased and the chain stays whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    RowMapping,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from crm.core.crypto import Keyring
from crm.core.locks import try_lock
from crm.core.models import CHAIN_COLUMNS, Chained

CHUNK = 1000
"""Rows linked in one transaction, and read at once by a walk."""


def link(session: Session, keyring: Keyring, ledger: type[Chained], clinic_id: UUID) -> int:
    """Link the next rows of a clinic, at most CHUNK; return how many, 0 if somebody is at it."""
    table: Any = ledger.__table__  # type: ignore[attr-defined]
    if not try_lock(session, f"chain.{table.name}.{clinic_id}"):
        return 0
    signer = _Signer(session, keyring, clinic_id, ledger)
    place, before = _end(session, table, clinic_id)
    links = []
    for row in _next(session, table, clinic_id, table.c.chain_seq.is_(None)):
        place += 1
        commitments = signer.commitments(row)
        before = signer.sign(row, place, before, commitments)
        links.append((row["id"], place, before, json.dumps(commitments)))
    if links:
        ids, places, hashes, commitments_of = map(list, zip(*links, strict=True))
        given = {"ids": ids, "places": places, "hashes": hashes, "commitments_of": commitments_of}
        session.execute(_linking(table), {"clinic": clinic_id, **given})
    return len(links)


@dataclass(frozen=True)
class Walk:
    """What a walk along a chain found: how many rows are whole, and what broke it, if anything.

    `last` is the link of the last whole row: who keeps it can tell later, by `has_link`, that the
    end of the chain was not cut off. `erased` counts values, `waiting` rows not linked yet.
    """

    rows: int
    erased: int
    last: str
    waiting: int
    fault: str | None = None


def walk(session: Session, keyring: Keyring, ledger: type[Chained], clinic_id: UUID) -> Walk:
    """Walk the chain of a clinic to its end or its first broken row. Raises Undecipherable."""
    table: Any = ledger.__table__  # type: ignore[attr-defined]
    signer = _Signer(session, keyring, clinic_id, ledger)
    waiting = _count_waiting(session, table, clinic_id)
    rows, erased, last = 0, 0, ""
    for row in _chained(session, table, clinic_id):
        fault = signer.fault(row, rows + 1, last)
        if fault is not None:
            return Walk(rows, erased, last, waiting, fault)
        rows, last = rows + 1, row["chain_hash"]
        erased += sum(row[name] is None for name in row["commitments"])
    return Walk(rows, erased, last, waiting)


def has_link(session: Session, ledger: type[Chained], clinic_id: UUID, link: str) -> bool:
    """Whether a link stands in the chain of a clinic, which a walk has found whole."""
    table: Any = ledger.__table__  # type: ignore[attr-defined]
    mine = (table.c.clinic_id == clinic_id, table.c.chain_hash == link)
    return session.scalar(select(table.c.id).where(*mine).limit(1)) is not None


@dataclass(frozen=True)
class _Signer:
    """Signs and checks the rows of one ledger of a clinic."""

    session: Session
    keyring: Keyring
    clinic_id: UUID
    ledger: type[Chained]

    def commitments(self, row: RowMapping) -> dict[str, str]:
        """Return a commitment to each erasable value that is there."""
        given = {name: row[name] for name in sorted(self.ledger.erasable)}
        return {
            name: self.keyring.sign(self.session, self.clinic_id, self._value(row, name))
            for name, value in given.items()
            if value is not None
        }

    def sign(self, row: RowMapping, place: int, before: str, commitments: Mapping[str, str]) -> str:
        """Return the link of a row at a place of the chain, after another link."""
        message = self._row(row, place, before, commitments)
        return self.keyring.sign(self.session, self.clinic_id, message)

    def fault(self, row: RowMapping, place: int, before: str) -> str | None:
        """Say what is wrong with the row that should stand at a place, after another link."""
        if row["chain_seq"] != place:
            return f"row {place} is missing"
        commitments = row["commitments"]
        link = self._row(row, place, before, commitments)
        is_whole = self._is_signed(link, row["chain_hash"]) and all(
            row[name] is None or self._is_signed(self._value(row, name), commitments.get(name))
            for name in self.ledger.erasable
        )
        return None if is_whole else f"row {place} ({row['id']}) was changed"

    def _is_signed(self, message: bytes, signature: str | None) -> bool:
        return self.keyring.is_signed(self.session, self.clinic_id, message, signature or "")

    def _value(self, row: RowMapping, name: str) -> bytes:
        return _bytes(["value", self.ledger.__tablename__, row["id"], name, row[name]])

    def _row(self, row: RowMapping, place: int, before: str, commitments: Any) -> bytes:
        # Without what is NULL, so that a column added later leaves old links as they were.
        apart = {*CHAIN_COLUMNS, *self.ledger.erasable}
        fixed = {name: row[name] for name in row if name not in apart and row[name] is not None}
        return _bytes(["row", self.ledger.__tablename__, place, before, fixed, commitments])


def _bytes(message: Any) -> bytes:
    """Return the one form of a message that is signed."""
    return json.dumps(message, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)


def _end(session: Session, table: Any, clinic_id: UUID) -> tuple[int, str]:
    """Return place and link of the last linked row."""
    statement = (
        select(table.c.chain_seq, table.c.chain_hash)
        .where(table.c.clinic_id == clinic_id, table.c.chain_seq.is_not(None))
        .order_by(table.c.chain_seq.desc())
        .limit(1)
    )
    row = session.execute(statement).one_or_none()
    return (0, "") if row is None else (row.chain_seq, row.chain_hash)


def _next(session: Session, table: Any, clinic_id: UUID, which: Any) -> Sequence[RowMapping]:
    statement = (
        select(table)
        .where(table.c.clinic_id == clinic_id, which)
        # So that the index of the chain is read and no more of it than asked for.
        .order_by(table.c.clinic_id, table.c.chain_seq)
        .limit(CHUNK)
    )
    return session.execute(statement).mappings().all()


def _chained(session: Session, table: Any, clinic_id: UUID) -> Iterator[RowMapping]:
    place = 0
    while rows := _next(session, table, clinic_id, table.c.chain_seq > place):
        yield from rows
        place = rows[-1]["chain_seq"]


def _count_waiting(session: Session, table: Any, clinic_id: UUID) -> int:
    unlinked = select(func.count()).where(
        table.c.clinic_id == clinic_id, table.c.chain_seq.is_(None)
    )
    return session.execute(unlinked).scalar_one()


def _linking(table: Any) -> Update:
    columns = {"ids": Uuid, "places": BigInteger, "hashes": Text, "commitments_of": Text}
    given = (
        func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in columns.items()))
        .table_valued(*(column(name, kind) for name, kind in columns.items()), name="given")
        .render_derived()
    )
    return (
        update(table)
        .where(
            table.c.clinic_id == bindparam("clinic"),
            table.c.id == given.c.ids,
            table.c.chain_seq.is_(None),
        )
        .values(
            chain_seq=given.c.places,
            chain_hash=given.c.hashes,
            commitments=cast(given.c.commitments_of, JSONB),
        )
    )
