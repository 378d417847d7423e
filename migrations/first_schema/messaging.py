"""Accounts and senders, templates, conversations and communications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.first_schema.parts import waiting, waiting_indexes


def create() -> None:
    channel_accounts()
    senders()
    templates()
    template_versions()
    conversations()
    communications()
    send_days()
    provider_statuses()


def channel_accounts() -> None:
    op.create_table(
        "channel_accounts",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("credentials", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_channel_accounts_channel_known")
        ),
        sa.CheckConstraint(
            "provider IN ('sandbox', 'twilio')", name=op.f("ck_channel_accounts_provider_known")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_channel_accounts")),
    )


def senders() -> None:
    op.create_table(
        "senders",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "account_id"],
            ["channel_accounts.clinic_id", "channel_accounts.id"],
            name=op.f("fk_senders_clinic_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_senders")),
        sa.UniqueConstraint(
            "clinic_id", "channel", "value", name=op.f("uq_senders_clinic_id_channel_value")
        ),
    )


def templates() -> None:
    op.create_table(
        "templates",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("message_class", sa.String(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("paused_version_id", sa.Uuid(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "message_class IN ('care', 'marketing', 'staff', 'system')",
            name=op.f("ck_templates_message_class_known"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_templates")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_templates_clinic_id_name")),
    )


def template_versions() -> None:
    op.create_table(
        "template_versions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bodies", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "template_id"],
            ["templates.clinic_id", "templates.id"],
            name=op.f("fk_template_versions_clinic_id_template_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_template_versions")),
        sa.UniqueConstraint(
            "clinic_id",
            "template_id",
            "number",
            name=op.f("uq_template_versions_clinic_id_template_id_number"),
        ),
    )


def conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("last_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_conversations_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "sender_id"],
            ["senders.clinic_id", "senders.id"],
            name=op.f("fk_conversations_clinic_id_sender_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "clinic_id",
            "address_id",
            "sender_id",
            name=op.f("uq_conversations_clinic_id_address_id_sender_id"),
        ),
    )


def communications() -> None:
    op.create_table(
        "communications",
        *waiting(),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message_class", sa.String(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("origin_kind", sa.String(), nullable=True),
        sa.Column("origin_id", sa.Uuid(), nullable=True),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("template_version_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("merge_values", sa.String(), nullable=True),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_reason", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("gate", postgresql.JSONB(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("sender_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("resends", sa.Integer(), nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("refused_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("provider_status", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("cause", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_communications_channel_known")
        ),
        sa.CheckConstraint(
            "direction IN ('in', 'out')", name=op.f("ck_communications_direction_known")
        ),
        sa.CheckConstraint(
            "message_class IN ('care', 'marketing', 'staff', 'system')",
            name=op.f("ck_communications_message_class_known"),
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'unconfirmed', 'sent', 'delivered', 'undelivered', 'failed', 'blocked', 'voided', 'received')",
            name=op.f("ck_communications_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_communications_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_communications_clinic_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "conversation_id"],
            ["conversations.clinic_id", "conversations.id"],
            name=op.f("fk_communications_clinic_id_conversation_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_communications")),
        sa.UniqueConstraint(
            "clinic_id", "dedupe_key", name=op.f("uq_communications_clinic_id_dedupe_key")
        ),
    )
    op.create_index(
        "ix_communications_address", "communications", ["clinic_id", "address_id", "id"]
    )
    op.create_index(
        "ix_communications_attempt",
        "communications",
        ["clinic_id", "attempt_id"],
        postgresql_where=sa.text("attempt_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_contact", "communications", ["clinic_id", "contact_id", "id"]
    )
    waiting_indexes("communications", where="due_at IS NOT NULL AND status = 'queued'")
    op.create_index("ix_communications_lead", "communications", ["clinic_id", "lead_id", "id"])
    op.create_index(
        "ix_communications_origin",
        "communications",
        ["clinic_id", "origin_kind", "origin_id"],
        postgresql_where=sa.text("origin_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_provider",
        "communications",
        ["clinic_id", "provider_id"],
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_settling",
        "communications",
        ["due_at"],
        postgresql_where=sa.text("status IN ('sending', 'unconfirmed')"),
    )
    op.create_index(
        "ix_communications_to_check",
        "communications",
        ["clinic_id", "id"],
        postgresql_where=sa.text("reason = 'unconfirmed_needs_person'"),
    )


def send_days() -> None:
    op.create_table(
        "send_days",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_send_days")),
        sa.UniqueConstraint("clinic_id", "day", name=op.f("uq_send_days_clinic_id_day")),
    )


def provider_statuses() -> None:
    op.create_table(
        "provider_statuses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_provider_statuses")),
        sa.UniqueConstraint(
            "clinic_id",
            "provider_id",
            "status",
            "error_code",
            name=op.f("uq_provider_statuses_clinic_id_provider_id_status_error_code"),
        ),
    )
