"""The engine: where in a sequence with branches somebody stands, and what they wait for.

Leads get a day on which somebody comes back to them, clinics their days off.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from crm.core import tenancy

revision = "0010_engine"
down_revision = "0009_email"
branch_labels = None
depends_on = None


ANSWERS = "ix_events_answers"


def upgrade() -> None:
    # First: what was written before it would stay behind if it gave up.
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {ANSWERS}")  # half made, by one who died
        op.create_index(
            ANSWERS,
            "events",
            ["clinic_id", "order_key", "seq"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("name = 'text.received'"),
        )
    for column in (
        sa.Column("last_step", sa.Integer()),
        sa.Column("hears_from", sa.DateTime(timezone=True)),
        sa.Column("listens", sa.String()),
        sa.Column("listens_until", sa.DateTime(timezone=True)),
    ):
        op.add_column("enrollments", column, if_not_exists=True)
    op.add_column("leads", sa.Column("follow_up_on", sa.Date()), if_not_exists=True)
    none = sa.Column("closed_on", JSONB(), server_default="[]", nullable=False)
    op.add_column("clinics", none, if_not_exists=True)
    op.create_table(
        "assignment_turns",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_assignment_turns")),
        if_not_exists=True,
    )
    for statement in tenancy.rls_statements("assignment_turns"):
        op.execute(statement)
