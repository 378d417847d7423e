"""Pipelines, stages and leads; the request forms and what came through them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def create() -> None:
    pipelines()
    stages()
    lost_reasons()
    leads()
    stage_moves()
    stage_counters()
    request_forms()
    appointment_requests()


def pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_pipelines_clinic_id_name")),
    )


def stages() -> None:
    op.create_table(
        "stages",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('open', 'booked', 'won', 'lost')", name=op.f("ck_stages_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "pipeline_id"],
            ["pipelines.clinic_id", "pipelines.id"],
            name=op.f("fk_stages_clinic_id_pipeline_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_stages")),
        sa.UniqueConstraint(
            "clinic_id", "pipeline_id", "id", name=op.f("uq_stages_clinic_id_pipeline_id_id")
        ),
        sa.UniqueConstraint(
            "clinic_id", "pipeline_id", "name", name=op.f("uq_stages_clinic_id_pipeline_id_name")
        ),
    )


def lost_reasons() -> None:
    op.create_table(
        "lost_reasons",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_lost_reasons")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_lost_reasons_clinic_id_name")),
    )


def leads() -> None:
    op.create_table(
        "leads",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("stage_kind", sa.String(), nullable=False),
        sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("campaign", postgresql.JSONB(), nullable=False),
        sa.Column("landing_page", sa.String(), nullable=True),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("value_cents", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("lost_reason_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "stage_kind IN ('open', 'booked', 'won', 'lost')",
            name=op.f("ck_leads_stage_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_leads_clinic_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lost_reason_id"],
            ["lost_reasons.clinic_id", "lost_reasons.id"],
            name=op.f("fk_leads_clinic_id_lost_reason_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "pipeline_id", "stage_id"],
            ["stages.clinic_id", "stages.pipeline_id", "stages.id"],
            name=op.f("fk_leads_clinic_id_pipeline_id_stage_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_leads")),
    )
    op.create_index("ix_leads_contact", "leads", ["clinic_id", "contact_id", "id"])
    op.create_index("ix_leads_stage", "leads", ["clinic_id", "stage_id", "stage_entered_at", "id"])


def stage_moves() -> None:
    op.create_table(
        "stage_moves",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("from_stage_id", sa.Uuid(), nullable=False),
        sa.Column("to_stage_id", sa.Uuid(), nullable=False),
        sa.Column("principal_kind", sa.String(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("lost_reason_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_stage_moves_clinic_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_stage_moves")),
    )
    op.create_index("ix_stage_moves_lead", "stage_moves", ["clinic_id", "lead_id", "id"])


def stage_counters() -> None:
    op.create_table(
        "stage_counters",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("value_cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "id"],
            ["stages.clinic_id", "stages.id"],
            name=op.f("fk_stage_counters_clinic_id_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_stage_counters")),
    )


def request_forms() -> None:
    op.create_table(
        "request_forms",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("services", postgresql.JSONB(), nullable=False),
        sa.Column("sites", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "pipeline_id"],
            ["pipelines.clinic_id", "pipelines.id"],
            name=op.f("fk_request_forms_clinic_id_pipeline_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_request_forms")),
    )


def appointment_requests() -> None:
    op.create_table(
        "appointment_requests",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=True),
        sa.Column("form_version", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_appointment_requests_clinic_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_appointment_requests_clinic_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_appointment_requests")),
        sa.UniqueConstraint(
            "clinic_id",
            "source",
            "idempotency_key",
            name=op.f("uq_appointment_requests_clinic_id_source_idempotency_key"),
        ),
    )
    op.create_index(
        "ix_appointment_requests_lead", "appointment_requests", ["clinic_id", "lead_id", "id"]
    )
