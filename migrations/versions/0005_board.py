"""The board: a rank and unread words on leads, stale stages, saved views."""

import sqlalchemy as sa
from alembic import op

from crm.core import tenancy

revision = "0005_board"
down_revision = "0004_lead"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stages", sa.Column("stale_after_days", sa.Integer(), nullable=True))
    op.add_column("stage_moves", sa.Column("from_rank", sa.Double(), nullable=True))
    op.add_column("leads", sa.Column("unread_at", sa.DateTime(timezone=True), nullable=True))
    # A default, since the release before this one still writes leads while this runs.
    now = sa.text("date_part('epoch', now())")
    op.add_column("leads", sa.Column("rank", sa.Double(), server_default=now, nullable=False))
    fill_in()
    saved_views()


def fill_in() -> None:
    """Say of the leads and stages that are there what new ones are told; the walls let nobody."""
    for table, change in (
        ("leads", "rank = date_part('epoch', stage_entered_at)"),
        ("stages", "stale_after_days = 7 WHERE kind = 'open'"),
    ):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"UPDATE {table} SET {change}")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def saved_views() -> None:
    op.create_table(
        "saved_views",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_views_user_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "clinic_id", "user_id", "name", name=op.f("uq_saved_views_clinic_id_user_id_name")
        ),
    )
    for statement in tenancy.rls_statements("saved_views"):
        op.execute(statement)
