"""What providers told us."""

import sqlalchemy as sa
from alembic import op

from migrations.first_schema.parts import waiting, waiting_indexes


def create() -> None:
    webhook_events()


def webhook_events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *waiting(),
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
    waiting_indexes("webhook_events")
