"""Runs the migrations on the connection that `crm.core.migrating` hands over."""

from alembic import context

import crm.registry
from crm.core.models import metadata

assert crm.registry.MODELS

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
