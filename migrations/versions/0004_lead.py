"""Notes, tags and visits of leads; texts for later, and passages that somebody paused."""

import sqlalchemy as sa
from alembic import op

from crm.core import tenancy

revision = "0004_lead"
down_revision = "0003_settings"
branch_labels = None
depends_on = None

TABLES = ("notes", "tags", "lead_tags", "lead_visits")


def upgrade() -> None:
    notes()
    tags()
    lead_tags()
    lead_visits()
    for table in TABLES:
        for statement in tenancy.rls_statements(table):
            op.execute(statement)
    op.add_column(
        "communications",
        sa.Column("is_overtakable", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("enrollments", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))


def notes() -> None:
    op.create_table(
        "notes",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        _of("notes", "lead_id", "leads"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_notes")),
        sa.UniqueConstraint("clinic_id", "dedupe_key", name=op.f("uq_notes_clinic_id_dedupe_key")),
    )
    op.create_index("ix_notes_lead", "notes", ["clinic_id", "lead_id", "id"])


def tags() -> None:
    op.create_table(
        "tags",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_tags")),
        sa.UniqueConstraint("clinic_id", "folded", name=op.f("uq_tags_clinic_id_folded")),
    )


def lead_tags() -> None:
    op.create_table(
        "lead_tags",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _of("lead_tags", "lead_id", "leads"),
        _of("lead_tags", "tag_id", "tags"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_lead_tags")),
        sa.UniqueConstraint(
            "clinic_id", "lead_id", "tag_id", name=op.f("uq_lead_tags_clinic_id_lead_id_tag_id")
        ),
    )
    op.create_index("ix_lead_tags_tag", "lead_tags", ["clinic_id", "tag_id", "lead_id"])


def lead_visits() -> None:
    op.create_table(
        "lead_visits",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrote_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("draft", sa.String(), nullable=True),
        _of("lead_visits", "lead_id", "leads"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_lead_visits")),
        sa.UniqueConstraint(
            "clinic_id", "lead_id", "user_id", name=op.f("uq_lead_visits_clinic_id_lead_id_user_id")
        ),
    )


def _of(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", column],
        [f"{other}.clinic_id", f"{other}.id"],
        name=op.f(f"fk_{table}_clinic_id_{column}"),
    )
