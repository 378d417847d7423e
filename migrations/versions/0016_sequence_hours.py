"""The hours in which a sequence sends."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016_sequence_hours"
down_revision = "0015_words"
branch_labels = None
depends_on = None


def upgrade() -> None:
    week = sa.Column("week", JSONB(none_as_null=True))
    op.add_column("automations", week, if_not_exists=True)
