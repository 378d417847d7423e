"""Replies: by when a patient should be answered, by pipeline, and on each lead."""

import sqlalchemy as sa
from alembic import op

revision = "0008_replies"
down_revision = "0007_forms"
branch_labels = None
depends_on = None

INDEX = "ix_leads_reply_due"


def upgrade() -> None:
    minutes = sa.Column("reply_within_minutes", sa.Integer(), server_default="15")
    op.add_column("pipelines", minutes, if_not_exists=True)
    due = sa.Column("reply_due_at", sa.DateTime(timezone=True))
    op.add_column("leads", due, if_not_exists=True)
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")  # half made, by one who died
        op.create_index(
            INDEX,
            "leads",
            ["clinic_id", "stage_id", "rank", "id"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("reply_due_at IS NOT NULL"),
        )
