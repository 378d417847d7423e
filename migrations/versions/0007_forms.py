"""Forms: which fields they ask for, and what they say beside the consent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007_forms"
down_revision = "0006_board_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("asks", "texts"):
        column = sa.Column(name, JSONB(), server_default="{}", nullable=False)
        op.add_column("request_forms", column)
