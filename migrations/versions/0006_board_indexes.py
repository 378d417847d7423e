"""The indexes by which the board is read, one a filter, made while leads come in."""

import sqlalchemy as sa
from alembic import op

revision = "0006_board_indexes"
down_revision = "0005_board"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_leads_rank", ["clinic_id", "stage_id", "rank", "id"], None),
    ("ix_leads_unread", ["clinic_id", "stage_id", "rank", "id"], "unread_at IS NOT NULL"),
    ("ix_leads_owner", ["clinic_id", "owner_id", "stage_id", "rank", "id"], "owner_id IS NOT NULL"),
    ("ix_leads_source", ["clinic_id", "source", "stage_id", "rank", "id"], None),
    ("ix_leads_service", ["clinic_id", "service", "stage_id", "rank", "id"], "service IS NOT NULL"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, columns, where in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # half made, by one who died
            op.create_index(
                name,
                "leads",
                columns,
                postgresql_concurrently=True,
                postgresql_where=sa.text(where) if where else None,
            )
