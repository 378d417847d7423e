"""The engine: where in a sequence with branches somebody stands."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008_replies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrollments", sa.Column("last_step", sa.Integer()), if_not_exists=True)
