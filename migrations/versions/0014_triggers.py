"""Triggers that look at the time, with how far each has looked; what sequences tell the staff."""

import sqlalchemy as sa
from alembic import op

from crm.core import tenancy

revision = "0014_triggers"
down_revision = "0013_campaigns"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_leads_standing", "leads", ["stage_entered_at"], "stage_kind = 'open'"),
    ("ix_leads_follow_up", "leads", ["follow_up_on"], "follow_up_on IS NOT NULL"),
    (
        "ix_conversations_unanswered",
        "conversations",
        ["last_out_at"],
        "last_in_at IS NULL OR last_in_at < last_out_at",
    ),
)


def upgrade() -> None:
    # First: what was written before it would stay behind if it gave up.
    with op.get_context().autocommit_block():
        for name, table, columns, where in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # half made, by one who died
            op.create_index(
                name,
                table,
                ["clinic_id", *columns, "id"],
                postgresql_concurrently=True,
                postgresql_where=sa.text(where),
            )
    _add_notices()
    _add_clocks()
    for table in ("staff_notices", "trigger_clocks"):
        for statement in tenancy.rls_statements(table):
            op.execute(statement)


def _add_notices() -> None:
    op.create_table(
        "staff_notices",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_staff_notices")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_staff_notices_clinic_id_lead_id"),
        ),
        if_not_exists=True,
    )
    told = ["clinic_id", "told_at", "id"]
    op.create_index("ix_staff_notices_told", "staff_notices", told, if_not_exists=True)


def _add_clocks() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "trigger_clocks",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("due_at", at),
        sa.Column("lease_until", at),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String()),
        sa.Column("dead_at", at),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("counts_from", at, nullable=False),
        sa.Column("reached_at", at, nullable=False),
        sa.Column("reached_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_trigger_clocks")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "id"],
            ["automations.clinic_id", "automations.id"],
            name=op.f("fk_trigger_clocks_clinic_id_id"),
        ),
        if_not_exists=True,
    )
    for name, columns, options in (
        (
            "ix_trigger_clocks_dead",
            ["clinic_id"],
            {"postgresql_where": sa.text("dead_at IS NOT NULL")},
        ),
        (
            "ix_trigger_clocks_due",
            ["queue", "due_at"],
            {"postgresql_where": sa.text("due_at IS NOT NULL")},
        ),
        ("uq_trigger_clocks_id", ["id"], {"unique": True}),
    ):
        op.create_index(name, "trigger_clocks", columns, if_not_exists=True, **options)
