"""One voice: what lies between two sequences' texts to a person, and whose goes first."""

import sqlalchemy as sa
from alembic import op

revision = "0012_voice"
down_revision = "0011_drafts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    gap = sa.Column("voice_gap_minutes", sa.Integer(), nullable=False, server_default="240")
    op.add_column("clinics", gap, if_not_exists=True)
    priority = sa.Column("priority", sa.Integer(), nullable=False, server_default="20")
    op.add_column("automations", priority, if_not_exists=True)
