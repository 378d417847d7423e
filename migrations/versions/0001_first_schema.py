"""The first schema."""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

from crm.core import tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CLINIC_TABLES = (
    "addresses",
    "api_keys",
    "appointment_requests",
    "automations",
    "channel_accounts",
    "clinic_keys",
    "communications",
    "contact_addresses",
    "contacts",
    "conversations",
    "deliveries",
    "enrollments",
    "leads",
    "logins",
    "lost_reasons",
    "memberships",
    "password_resets",
    "pipelines",
    "provider_statuses",
    "request_forms",
    "search_terms",
    "send_days",
    "senders",
    "stage_counters",
    "stages",
    "suppressions",
    "templates",
    "webhook_events",
)
# Nobody changes or deletes their rows; what erasure needs will be granted to it alone.
APPEND_ONLY_TABLES = (
    "events",
    "field_changes",
    "sequence_versions",
    "stage_moves",
    "step_runs",
    "template_versions",
)
LEDGERS = ("audit_entries", "consent_wordings", "consents")
HOT_TABLES = ("events", "deliveries", "communications", "enrollments", "send_days")


def upgrade() -> None:
    create_tables()
    guard_tables()


def create_tables() -> None:
    op.create_table(
        "addresses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("value", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('phone', 'email')", name=op.f("ck_addresses_kind_known")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_addresses")),
        sa.UniqueConstraint(
            "clinic_id", "kind", "value", name=op.f("uq_addresses_clinic_id_kind_value")
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("prefix", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("last_used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("used_on", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("object_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("ip", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("user_agent", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("commitments", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_at", "audit_entries", ["clinic_id", "at"], unique=False)
    op.create_index(
        "uq_audit_entries_chain", "audit_entries", ["clinic_id", "chain_seq"], unique=True
    )
    op.create_table(
        "automations",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("trigger_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('live', 'paused')", name=op.f("ck_automations_state_known")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_automations")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_automations_clinic_id_name")),
    )
    op.create_table(
        "channel_accounts",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("provider", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("credentials", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("paused_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_channel_accounts_channel_known")
        ),
        sa.CheckConstraint(
            "provider IN ('sandbox', 'twilio')", name=op.f("ck_channel_accounts_provider_known")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_channel_accounts")),
    )
    op.create_table(
        "clinic_keys",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_clinic_keys")),
        sa.UniqueConstraint("clinic_id", "number", name=op.f("uq_clinic_keys_clinic_id_number")),
    )
    op.create_table(
        "clinics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("timezone", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("region", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("language", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("phone", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("is_holding_sends", sa.Boolean(), nullable=False),
        sa.Column("window_start_hour", sa.Integer(), nullable=False),
        sa.Column("window_end_hour", sa.Integer(), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=False),
        sa.Column("clinic_daily_cap", sa.Integer(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("language IN ('en', 'es')", name=op.f("ck_clinics_language_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinics")),
    )
    op.create_table(
        "consent_wordings",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("language", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tier", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("commitments", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_consent_wordings")),
        sa.UniqueConstraint(
            "clinic_id",
            "text_hash",
            "language",
            "purpose",
            name=op.f("uq_consent_wordings_clinic_id_text_hash_language_purpose"),
        ),
    )
    op.create_index(
        "uq_consent_wordings_chain", "consent_wordings", ["clinic_id", "chain_seq"], unique=True
    )
    op.create_table(
        "contacts",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("language", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("timezone", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("language IN ('en', 'es')", name=op.f("ck_contacts_language_known")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "merged_into_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_contacts_clinic_id_merged_into_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "ix_contacts_merged",
        "contacts",
        ["clinic_id", "merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("dead_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("queue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("order_key", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["clinic_id"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["queue", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["consumer", "order_key", "seq"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NULL"),
    )
    op.create_index("uq_deliveries_id", "deliveries", ["id"], unique=True)
    op.create_table(
        "events",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("order_key", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("cause", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_contact", "events", ["clinic_id", "contact_id", "id"], unique=False)
    op.create_index("ix_events_lead", "events", ["clinic_id", "lead_id", "id"], unique=False)
    op.create_table(
        "field_changes",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("field", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("old", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("new", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_field_changes")),
    )
    op.create_index(
        "ix_field_changes_entity",
        "field_changes",
        ["clinic_id", "entity", "entity_id", "id"],
        unique=False,
    )
    op.create_table(
        "lost_reasons",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_lost_reasons")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_lost_reasons_clinic_id_name")),
    )
    op.create_table(
        "pipelines",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_pipelines_clinic_id_name")),
    )
    op.create_table(
        "provider_statuses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("error_code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_provider_statuses")),
        sa.UniqueConstraint(
            "clinic_id",
            "provider_id",
            "status",
            "error_code",
            name=op.f("uq_provider_statuses_clinic_id_provider_id_status_error_code"),
        ),
    )
    op.create_table(
        "search_terms",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("term", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "clinic_id", "term", "kind", "ref_id", name=op.f("pk_search_terms")
        ),
    )
    op.create_table(
        "step_runs",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_step_runs")),
    )
    op.create_index(
        "ix_step_runs_enrollment", "step_runs", ["clinic_id", "enrollment_id", "id"], unique=False
    )
    op.create_table(
        "templates",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("message_class", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("paused_version_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "message_class IN ('care', 'marketing', 'staff', 'system')",
            name=op.f("ck_templates_message_class_known"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_templates")),
        sa.UniqueConstraint("clinic_id", "name", name=op.f("uq_templates_clinic_id_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("password_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("language", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("timezone", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("login_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("dead_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("queue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("query", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("body", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_events_due",
        "webhook_events",
        ["queue", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("uq_webhook_events_id", "webhook_events", ["id"], unique=True)
    op.create_table(
        "consents",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tier", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("wording_id", sa.Uuid(), nullable=True),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("evidence", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), nullable=True),
        sa.Column("chain_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("commitments", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "action IN ('granted', 'revoked')", name=op.f("ck_consents_action_known")
        ),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_consents_channel_known")
        ),
        sa.CheckConstraint(
            "purpose IN ('care', 'marketing')", name=op.f("ck_consents_purpose_known")
        ),
        sa.CheckConstraint(
            "tier IN ('none', 'express', 'written')", name=op.f("ck_consents_tier_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_consents_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "wording_id"],
            ["consent_wordings.clinic_id", "consent_wordings.id"],
            name=op.f("fk_consents_clinic_id_wording_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_latest",
        "consents",
        ["clinic_id", "address_id", "channel", "purpose", "seq"],
        unique=False,
    )
    op.create_index("uq_consents_chain", "consents", ["clinic_id", "chain_seq"], unique=True)
    op.create_table(
        "contact_addresses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_contact_addresses_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_contact_addresses_clinic_id_contact_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_contact_addresses")),
        sa.UniqueConstraint(
            "clinic_id",
            "address_id",
            "contact_id",
            name=op.f("uq_contact_addresses_clinic_id_address_id_contact_id"),
        ),
    )
    op.create_index(
        "ix_contact_addresses_contact",
        "contact_addresses",
        ["clinic_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "doors",
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_doors_clinic_id")),
        sa.PrimaryKeyConstraint("kind", "key_hash", "clinic_id", name=op.f("pk_doors")),
    )
    op.create_index("ix_doors_ref", "doors", ["clinic_id", "ref_id"], unique=False)
    op.create_table(
        "logins",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ip", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("user_agent", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_logins_user_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_logins")),
    )
    op.create_index("ix_logins_user", "logins", ["clinic_id", "user_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "role IN ('owner', 'manager', 'front_desk', 'marketer', 'provider')",
            name=op.f("ck_memberships_role_known"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_memberships")),
    )
    op.create_index(
        "uq_memberships_live",
        "memberships",
        ["user_id", "clinic_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "password_resets",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_password_resets_user_id")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_password_resets")),
    )
    op.create_table(
        "request_forms",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("services", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sites", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "pipeline_id"],
            ["pipelines.clinic_id", "pipelines.id"],
            name=op.f("fk_request_forms_clinic_id_pipeline_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_request_forms")),
    )
    op.create_table(
        "send_days",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("reached_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_send_days")),
        sa.UniqueConstraint("clinic_id", "day", name=op.f("uq_send_days_clinic_id_day")),
    )
    op.create_table(
        "senders",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("value", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
    op.create_table(
        "sequence_versions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("published_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
    op.create_table(
        "stages",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
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
    op.create_table(
        "suppressions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("lifted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lifted_by_communication_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_suppressions_channel_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_suppressions_clinic_id_address_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "uq_suppressions_live",
        "suppressions",
        ["clinic_id", "address_id", "channel"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "template_versions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bodies", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
    op.create_table(
        "conversations",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("last_in_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("last_out_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
    op.create_table(
        "leads",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("stage_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("stage_entered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("campaign", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("landing_page", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("service", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("value_cents", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("lost_reason_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("requested_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
    op.create_index("ix_leads_contact", "leads", ["clinic_id", "contact_id", "id"], unique=False)
    op.create_index(
        "ix_leads_stage", "leads", ["clinic_id", "stage_id", "stage_entered_at", "id"], unique=False
    )
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
    op.create_table(
        "appointment_requests",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("idempotency_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("body_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("body", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=True),
        sa.Column("form_version", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
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
        "ix_appointment_requests_lead",
        "appointment_requests",
        ["clinic_id", "lead_id", "id"],
        unique=False,
    )
    op.create_table(
        "communications",
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("dead_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("queue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("direction", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("message_class", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("origin_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("origin_id", sa.Uuid(), nullable=True),
        sa.Column("dedupe_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("template_version_id", sa.Uuid(), nullable=True),
        sa.Column("body", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("merge_values", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("useful_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("held_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("gate", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("sender_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("resends", sa.Integer(), nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("provider_status", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("error_code", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("cause", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("taken_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("settled_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
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
        "ix_communications_address",
        "communications",
        ["clinic_id", "address_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_communications_attempt",
        "communications",
        ["clinic_id", "attempt_id"],
        unique=False,
        postgresql_where=sa.text("attempt_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_contact",
        "communications",
        ["clinic_id", "contact_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_communications_dead",
        "communications",
        ["clinic_id"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_due",
        "communications",
        ["queue", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL AND status = 'queued'"),
    )
    op.create_index(
        "ix_communications_lead", "communications", ["clinic_id", "lead_id", "id"], unique=False
    )
    op.create_index(
        "ix_communications_origin",
        "communications",
        ["clinic_id", "origin_kind", "origin_id"],
        unique=False,
        postgresql_where=sa.text("origin_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_provider",
        "communications",
        ["clinic_id", "provider_id"],
        unique=False,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index(
        "ix_communications_settling",
        "communications",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('sending', 'unconfirmed')"),
    )
    op.create_index(
        "ix_communications_to_check",
        "communications",
        ["clinic_id", "id"],
        unique=False,
        postgresql_where=sa.text("reason = 'unconfirmed_needs_person'"),
    )
    op.create_index("uq_communications_id", "communications", ["id"], unique=True)
    op.create_table(
        "enrollments",
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("dead_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("queue", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("automation_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("subject_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("awaits", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("cause", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("entered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("exit_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
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
    op.create_index(
        "ix_enrollments_contact", "enrollments", ["clinic_id", "contact_id", "id"], unique=False
    )
    op.create_index(
        "ix_enrollments_dead",
        "enrollments",
        ["clinic_id"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_enrollments_due",
        "enrollments",
        ["queue", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_enrollments_lead", "enrollments", ["clinic_id", "lead_id", "id"], unique=False
    )
    op.create_index("uq_enrollments_id", "enrollments", ["id"], unique=True)
    op.create_index(
        "uq_enrollments_live",
        "enrollments",
        ["clinic_id", "automation_id", "subject_id"],
        unique=True,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_table(
        "stage_moves",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("from_stage_id", sa.Uuid(), nullable=False),
        sa.Column("to_stage_id", sa.Uuid(), nullable=False),
        sa.Column("principal_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("lost_reason_id", sa.Uuid(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_stage_moves_clinic_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_stage_moves")),
    )
    op.create_index(
        "ix_stage_moves_lead", "stage_moves", ["clinic_id", "lead_id", "id"], unique=False
    )


def guard_tables() -> None:
    statements = [
        *(line for table in CLINIC_TABLES for line in tenancy.rls_statements(table)),
        *(line for table in APPEND_ONLY_TABLES for line in tenancy.append_only_statements(table)),
        *(line for table in LEDGERS for line in tenancy.ledger_statements(table)),
        *tenancy.rls_statements("clinics", "id"),
        *tenancy.door_statements("doors"),
        *tenancy.users_statements("users"),
        *(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_cost_delay = 0, fillfactor = 85)"
            for table in HOT_TABLES
        ),
        f"GRANT SELECT ON alembic_version TO {tenancy.APP_ROLE}, {tenancy.SYSTEM_ROLE}",
    ]
    for statement in statements:
        op.execute(statement)
