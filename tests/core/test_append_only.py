"""What was written down stays as it was written: the database refuses its change."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import crm.registry
from crm.compliance.wordings import publish_wording
from crm.core import tenancy
from crm.core.models import ClinicScoped, metadata
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.actions import audit

LEDGERS = {model.__tablename__ for model in crm.registry.LEDGERS}
HISTORIES = {model.__tablename__ for model in ClinicScoped.__subclasses__() if model.is_append_only}
ROLES = (tenancy.APP_ROLE, tenancy.SYSTEM_ROLE)


def test_only_ledgers_and_histories_are_append_only(runtime: Runtime) -> None:
    """A table that is added is changeable by choice, not by default: it is looked for here."""
    may = text("SELECT has_table_privilege(:role, :name, :right)")
    scoped = {table.name for table in metadata.tables.values() if "clinic_id" in table.c}
    with runtime.database.engine.connect() as connection:
        for role in ROLES:
            for right in ("UPDATE", "DELETE", "TRUNCATE"):
                given = {
                    name
                    for name in scoped
                    if connection.scalar(may, {"role": role, "name": name, "right": right})
                }
                expected = set() if right == "TRUNCATE" else scoped - LEDGERS - HISTORIES
                assert given == expected, (role, right)


@pytest.mark.parametrize("table", sorted(LEDGERS | HISTORIES))
def test_a_change_and_a_deletion_are_refused(runtime: Runtime, clinic: UUID, table: str) -> None:
    for statement in (f"UPDATE {table} SET clinic_id = clinic_id", f"DELETE FROM {table}"):
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            runtime.database.transaction(clinic, SYSTEM) as uow,
        ):
            uow.session.execute(text(statement))
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            runtime.database.system() as system,
        ):
            system.session.execute(text(statement))


def test_who_serves_requests_links_nothing(runtime: Runtime, clinic: UUID) -> None:
    for table in LEDGERS:
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            runtime.database.transaction(clinic, SYSTEM) as uow,
        ):
            uow.session.execute(text(f"UPDATE {table} SET chain_seq = 1"))


def test_a_row_is_linked_once_and_not_unlinked(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        audit(uow, "lead.exported")
        publish_wording(uow, "en", "care", "express", "You may text me.")

    def change(table: str, to: str) -> Sequence[object]:
        with runtime.database.system() as system:
            return system.session.execute(
                text(f"UPDATE {table} SET chain_seq = {to} RETURNING chain_seq")
            ).all()

    for table in ("audit_entries", "consent_wordings"):
        with pytest.raises(DBAPIError, match="row-level security"):
            change(table, "NULL")
        assert change(table, "7") == [(7,)]
        assert change(table, "8") == []
