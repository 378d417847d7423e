"""The first schema."""

from alembic import op

from crm.core import tenancy
from migrations.first_schema import (
    accounts,
    automations,
    compliance,
    contacts,
    core,
    messaging,
    pipelines,
    privacy,
    webhooks,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A table refers to tables of its own room and of those before it.
ROOMS = (core, accounts, contacts, compliance, messaging, privacy, pipelines, automations, webhooks)
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
    for room in ROOMS:
        room.create()
    guard_tables()


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
