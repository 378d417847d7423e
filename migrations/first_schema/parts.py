"""What several tables of the first schema have alike."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def waiting() -> Sequence[sa.Column]:
    """Return the columns of waiting work."""
    return (
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue", sa.String(), nullable=False),
    )


def waiting_indexes(table: str, *, where: str = "due_at IS NOT NULL") -> None:
    """Index what is due, what is dead, and a row by its id."""
    dead = sa.text("dead_at IS NOT NULL")
    op.create_index(f"ix_{table}_dead", table, ["clinic_id"], postgresql_where=dead)
    op.create_index(f"ix_{table}_due", table, ["queue", "due_at"], postgresql_where=sa.text(where))
    op.create_index(f"uq_{table}_id", table, ["id"], unique=True)


def chained() -> Sequence[sa.Column]:
    """Return the columns of a ledger's row."""
    return (
        sa.Column("chain_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain_hash", sa.String(), nullable=True),
        sa.Column("commitments", postgresql.JSONB(), nullable=True),
    )
