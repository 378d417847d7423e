"""Drafts of sequences beside their live versions, and an index of who entered a version last."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from crm.core import tenancy

revision = "0011_drafts"
down_revision = "0010_engine"
branch_labels = None
depends_on = None

INDEX = "ix_enrollments_version"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")  # half made, by one who died
        op.create_index(
            INDEX, "enrollments", ["clinic_id", "version_id", "id"], postgresql_concurrently=True
        )
    op.create_table(
        "sequence_drafts",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("document", JSONB(none_as_null=True), nullable=True),
        sa.Column("past", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("editor_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "automation_id"],
            ["automations.clinic_id", "automations.id"],
            name=op.f("fk_sequence_drafts_clinic_id_automation_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_sequence_drafts")),
        sa.UniqueConstraint(
            "clinic_id", "automation_id", name=op.f("uq_sequence_drafts_clinic_id_automation_id")
        ),
    )
    for statement in tenancy.rls_statements("sequence_drafts"):
        op.execute(statement)
