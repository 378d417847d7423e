"""What providers told us."""

import sqlalchemy as sa
from alembic import op


def create() -> None:
    webhook_events()


def webhook_events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_webhook_events")),
        sa.UniqueConstraint(
            "clinic_id",
            "provider",
            "kind",
            "external_id",
            name=op.f("uq_webhook_events_clinic_id_provider_kind_external_id"),
        ),
    )
    op.create_index(
        "ix_webhook_events_dead",
        "webhook_events",
        ["clinic_id"],
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_events_due",
        "webhook_events",
        ["queue", "due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("uq_webhook_events_id", "webhook_events", ["id"], unique=True)
