"""Tasks, and how far everybody has read what is new."""

import sqlalchemy as sa
from alembic import op

from crm.core import tenancy

revision = "0002_desk"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tasks()
    notice_marks()
    for table in ("tasks", "notice_marks"):
        for statement in tenancy.rls_statements(table):
            op.execute(statement)


def tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_all_day", sa.Boolean(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_tasks_clinic_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_tasks_clinic_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_tasks")),
    )
    is_open = sa.text("done_at IS NULL")
    op.create_index(
        "ix_tasks_open", "tasks", ["clinic_id", "due_at", "id"], postgresql_where=is_open
    )
    op.create_index(
        "ix_tasks_mine",
        "tasks",
        ["clinic_id", "assignee_id", "due_at", "id"],
        postgresql_where=is_open,
    )
    op.create_index("ix_tasks_assigned", "tasks", ["clinic_id", "assignee_id", "assigned_at"])
    op.create_index("ix_tasks_lead", "tasks", ["clinic_id", "lead_id", "id"])


def notice_marks() -> None:
    op.create_table(
        "notice_marks",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_notice_marks")),
    )
