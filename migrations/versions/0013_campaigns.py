"""Campaigns: a sequence started for many contacts, and what became of each of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from crm.core import tenancy
from migrations.first_schema.parts import waiting, waiting_indexes

revision = "0013_campaigns"
down_revision = "0012_voice"
branch_labels = None
depends_on = None

STATES = "'draft', 'scheduled', 'gathering', 'running', 'paused', 'stopped', 'finished'"
RESULTS = (
    "'waiting', 'entered', 'no_address', 'suppressed', 'no_consent', 'already_in', 'once_only',"
    " 'conditions', 'loop', 'no_longer', 'merged', 'stopped'"
)


def upgrade() -> None:
    campaigns()
    campaign_people()
    for table in ("campaigns", "campaign_people"):
        for statement in tenancy.rls_statements(table):
            op.execute(statement)


def campaigns() -> None:
    op.create_table(
        "campaigns",
        *waiting(),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("audience", JSONB(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("rate_per", sa.String(), nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("gathered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_campaigns_state_known")),
        sa.CheckConstraint(
            "rate_per IN ('minute', 'hour')", name=op.f("ck_campaigns_rate_per_known")
        ),
        _reference("campaigns", "automation_id", "automations"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_campaigns")),
    )
    waiting_indexes("campaigns")


def campaign_people() -> None:
    table = "campaign_people"
    op.create_table(
        table,
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"result IN ({RESULTS})", name=op.f("ck_campaign_people_result_known")),
        _reference(table, "campaign_id", "campaigns"),
        _reference(table, "contact_id", "contacts"),
        _reference(table, "lead_id", "leads"),
        _reference(table, "enrollment_id", "enrollments"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_campaign_people")),
        sa.UniqueConstraint(
            *("clinic_id", "campaign_id", "contact_id"),
            name=op.f("uq_campaign_people_clinic_id_campaign_id_contact_id"),
        ),
    )
    columns = ["clinic_id", "campaign_id", "result", "contact_id"]
    op.create_index("ix_campaign_people_result", table, columns)


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["clinic_id", column],
        [f"{to}.clinic_id", f"{to}.id"],
        name=op.f(f"fk_{table}_clinic_id_{column}"),
    )
