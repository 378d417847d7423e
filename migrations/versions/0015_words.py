"""Tests of templates: the number that somebody tries texts on, and the language they are sent in."""

import sqlalchemy as sa
from alembic import op

revision = "0015_words"
down_revision = "0014_triggers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("phone", sa.String(), nullable=True), if_not_exists=True)
    language = sa.Column("language", sa.String(), nullable=True)
    op.add_column("communications", language, if_not_exists=True)
