"""What every room uses: events and their deliveries, the history of fields, the clinics' keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.first_schema.parts import waiting, waiting_indexes


def create() -> None:
    clinic_keys()
    events()
    deliveries()
    field_changes()


def clinic_keys() -> None:
    op.create_table(
        "clinic_keys",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_clinic_keys")),
        sa.UniqueConstraint("clinic_id", "number", name=op.f("uq_clinic_keys_clinic_id_number")),
    )


def events() -> None:
    op.create_table(
        "events",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("order_key", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("cause", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("principal_kind", sa.String(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_contact", "events", ["clinic_id", "contact_id", "id"])
    op.create_index("ix_events_lead", "events", ["clinic_id", "lead_id", "id"])
    op.create_index(
        "ix_events_heard",
        "events",
        ["clinic_id", "seq"],
        unique=False,
        postgresql_where=sa.text("name IN ('text.received', 'address.suppressed')"),
    )


def deliveries() -> None:
    op.create_table(
        "deliveries",
        *waiting(),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("order_key", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_deliveries")),
    )
    waiting_indexes("deliveries")
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["consumer", "order_key", "seq"],
        postgresql_where=sa.text("dead_at IS NULL"),
    )


def field_changes() -> None:
    op.create_table(
        "field_changes",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal_kind", sa.String(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_field_changes")),
    )
    op.create_index(
        "ix_field_changes_entity", "field_changes", ["clinic_id", "entity", "entity_id", "id"]
    )
