"""What tables share: the clinic they belong to, their data class, waiting work, and chains."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, MetaData, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem
from sqlmodel import Field, SQLModel

from crm.core.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata
metadata.naming_convention = NAMING


class DataClass(StrEnum):
    """What kind of data a table holds; retention and erasure follow from it (W07)."""

    SETTINGS = "settings"
    PERSON = "person"
    LEAD = "lead"
    MESSAGE = "message"
    CONSENT = "consent"
    LOG = "log"
    QUEUE = "queue"
    ACCOUNT = "account"


class ClinicScoped(SQLModel):
    """A row of one clinic: its key is (clinic_id, id), and row-level security guards it.

    The rows of an append-only table are a history: the database refuses to change or delete them.
    """

    retention: ClassVar[DataClass]
    tracked: ClassVar[frozenset[str]] = frozenset()
    is_append_only: ClassVar[bool] = False

    # Stamped on flush by the session's guard, or by `uow.insert`.
    clinic_id: UUID = Field(default=None, primary_key=True)
    id: UUID = Field(default_factory=new_id, primary_key=True)


class Due(SQLModel):
    """Waiting work: when it is due, who has it, how often it failed and why (REL-D1).

    `due_at` is the true time; a row just written is reserved for its ring by a `lease_until`
    without a token, so that the sweep sees only what a ring lost.
    """

    due_at: datetime | None = None
    lease_until: datetime | None = None
    lease_token: UUID | None = None
    attempts: int = 0
    last_error: str | None = None
    dead_at: datetime | None = None
    queue: str = "default"


class Chained(SQLModel):
    """A row of a ledger: inserted free, never changed, and later linked to the row before it.

    `erasable` names the columns whose values may be erased; the chain knows commitments to them.
    """

    erasable: ClassVar[frozenset[str]] = frozenset()

    chain_seq: int | None = Field(default=None, sa_type=BigInteger)
    chain_hash: str | None = None
    commitments: dict[str, str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


CHAIN_COLUMNS = tuple(Chained.model_fields)


def chain_index(table: str) -> Index:
    """Return the index of a table with `Chained`: a clinic's rows by place, those without last."""
    return Index(f"uq_{table}_chain", "clinic_id", "chain_seq", unique=True)


def reference(column: str, table: str) -> ForeignKeyConstraint:
    """Return a reference that cannot cross clinics: (clinic_id, column) -> table."""
    return ForeignKeyConstraint(
        ["clinic_id", column], [f"{table}.clinic_id", f"{table}.id"], name=None
    )


def one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    """Return a check that holds a text column to the given values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def due_indexes(table: str, *, where: str = "due_at IS NOT NULL") -> tuple[Index, ...]:
    """Return the indexes of a table with `Due`: what is due, what is dead, and a row by its id."""
    return (
        Index(f"ix_{table}_dead", "clinic_id", postgresql_where=text("dead_at IS NOT NULL")),
        Index(f"ix_{table}_due", "queue", "due_at", postgresql_where=text(where)),
        Index(f"uq_{table}_id", "id", unique=True),
    )


def table_args(*items: SchemaItem, **options: Any) -> tuple[Any, ...]:
    """Return `__table_args__` from constraints, indexes and storage options."""
    return (*items, options) if options else items
