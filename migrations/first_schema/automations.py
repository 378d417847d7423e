"""Sequences in their versions, who is in them, and what was done."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.first_schema.parts import waiting, waiting_indexes


def create() -> None:
    automations()
    sequence_versions()
    enrollments()
    step_runs()


def automations() -> None:
    op.create_table(
        "automations",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("trigger_kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('live', 'paused')", name=op.f("ck_automations_state_known")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_automations")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_automations_clinic_id_name")),
    )


def sequence_versions() -> None:
    op.create_table(
        "sequence_versions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("principal_kind", sa.String(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "automation_id"],
            ["automations.clinic_id", "automations.id"],
            name=op.f("fk_sequence_versions_clinic_id_automation_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_sequence_versions")),
        sa.UniqueConstraint(
            "clinic_id",
            "automation_id",
            "number",
            name=op.f("uq_sequence_versions_clinic_id_automation_id_number"),
        ),
    )


def enrollments() -> None:
    op.create_table(
        "enrollments",
        *waiting(),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("awaits", sa.String(), nullable=True),
        sa.Column("cause", postgresql.JSONB(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_reason", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('live', 'ended')", name=op.f("ck_enrollments_state_known")),
        sa.CheckConstraint(
            "subject_kind IN ('lead', 'contact')", name=op.f("ck_enrollments_subject_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "automation_id"],
            ["automations.clinic_id", "automations.id"],
            name=op.f("fk_enrollments_clinic_id_automation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_enrollments_clinic_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_enrollments_clinic_id_lead_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "version_id"],
            ["sequence_versions.clinic_id", "sequence_versions.id"],
            name=op.f("fk_enrollments_clinic_id_version_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_enrollments")),
    )
    op.create_index("ix_enrollments_contact", "enrollments", ["clinic_id", "contact_id", "id"])
    waiting_indexes("enrollments")
    op.create_index("ix_enrollments_lead", "enrollments", ["clinic_id", "lead_id", "id"])
    op.create_index(
        "uq_enrollments_live",
        "enrollments",
        ["clinic_id", "automation_id", "subject_id"],
        unique=True,
        postgresql_where=sa.text("state = 'live'"),
    )


def step_runs() -> None:
    op.create_table(
        "step_runs",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(), nullable=False),
        sa.Column("outcome", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_step_runs")),
    )
    op.create_index("ix_step_runs_enrollment", "step_runs", ["clinic_id", "enrollment_id", "id"])
