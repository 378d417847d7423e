"""The two walls between clinics: an ORM criterion on each session, and row-level security."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from crm.core.models import CHAIN_COLUMNS, ClinicScoped

APP_ROLE = "frontdesk_app"
SYSTEM_ROLE = "frontdesk_system"

_CLINIC = "NULLIF(current_setting('app.clinic_id', true), '')::uuid"
_DOOR = "NULLIF(current_setting('app.door', true), '')"


class ForeignRow(RuntimeError):
    """A row of another clinic came near this session: a fault of ours, never an answer."""


class WalledSession(Session):
    """A session that keeps the first wall, from `guard` on."""


def guard(session: WalledSession, clinic_id: UUID) -> None:
    """Put up the first wall: every ORM read is filtered, every flushed row stamped or refused."""
    session.info["clinic_id"] = clinic_id


@event.listens_for(WalledSession, "do_orm_execute")
def _filter_reads(state: ORMExecuteState) -> None:
    clinic_id = state.session.info.get("clinic_id")
    for mapper in state.all_mappers if clinic_id is not None else ():
        if issubclass(mapper.class_, ClinicScoped):
            mine = mapper.columns["clinic_id"] == clinic_id
            state.statement = state.statement.options(
                with_loader_criteria(mapper.class_, mine, include_aliases=True)
            )


@event.listens_for(WalledSession, "before_flush")
def _stamp_writes(session: Session, context: UOWTransaction, instances: object) -> None:
    clinic_id = session.info.get("clinic_id")
    if clinic_id is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, ClinicScoped):
            continue
        if getattr(row, "clinic_id", None) is None:
            row.clinic_id = clinic_id
        elif row.clinic_id != clinic_id:
            raise ForeignRow(type(row).__name__)


def set_up_roles(connection: Connection, login: str) -> None:
    """Create the two NOLOGIN roles and let the login take them, without inheriting them.

    A transaction without `set_config('role', ...)` therefore sees no row. Raises
    ProgrammingError where the connection may not create roles.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(7241)"))
    quoted = '"' + login.replace('"', '""') + '"'
    for role in (APP_ROLE, SYSTEM_ROLE):
        known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role})
        if not known:
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS NOINHERIT"))
    if _server_version(connection) >= 160000:
        options = " WITH INHERIT FALSE, SET TRUE"
    else:
        # Before PostgreSQL 16 only the member itself can be told not to inherit.
        connection.execute(text(f"ALTER ROLE {quoted} NOINHERIT"))
        options = ""
    connection.execute(text(f"GRANT {APP_ROLE}, {SYSTEM_ROLE} TO {quoted}{options}"))


def may_take_roles(connection: Connection, login: str) -> bool:
    """Whether both roles exist and the login may take them."""
    right = "SET" if _server_version(connection) >= 160000 else "MEMBER"
    query = text(
        "SELECT count(*) FROM pg_roles"
        f" WHERE rolname IN (:app, :system) AND pg_has_role(:login, oid, '{right}')"
    )
    names = {"login": login, "app": APP_ROLE, "system": SYSTEM_ROLE}
    return bool(connection.scalar(query, names) == 2)


def _server_version(connection: Connection) -> int:
    return int(connection.scalar(text("SHOW server_version_num")) or 0)


def rls_statements(table: str, clinic_column: str = "clinic_id") -> Iterable[str]:
    """Yield the statements that put a clinic table behind the second wall."""
    yield from _wall(table, clinic_column)
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}"


def append_only_statements(table: str) -> Iterable[str]:
    """Yield the statements for a clinic table whose rows nobody changes or deletes."""
    yield from _wall(table, "clinic_id")
    yield f"GRANT SELECT, INSERT ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}"


def ledger_statements(table: str) -> Iterable[str]:
    """Yield the statements for an append-only table that is chained: each row is linked once."""
    yield from append_only_statements(table)
    yield f"GRANT UPDATE ({', '.join(CHAIN_COLUMNS)}) ON {table} TO {SYSTEM_ROLE}"
    yield (
        f"CREATE POLICY once ON {table} AS RESTRICTIVE FOR UPDATE TO {SYSTEM_ROLE}"
        " USING (chain_seq IS NULL) WITH CHECK (chain_seq IS NOT NULL)"
    )


def _wall(table: str, clinic_column: str) -> Iterable[str]:
    mine = f"{clinic_column} = {_CLINIC}"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY app ON {table} TO {APP_ROLE} USING ({mine}) WITH CHECK ({mine})"
    yield f"CREATE POLICY system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)"


def door_statements(table: str) -> Iterable[str]:
    """Yield the statements for the doors: a clinic sees its own, a visitor those his key opens."""
    yield from rls_statements(table)
    yield f"CREATE POLICY visitor ON {table} FOR SELECT TO {APP_ROLE} USING (key_hash = {_DOOR})"


def users_statements(table: str) -> Iterable[str]:
    """Yield the statements for users, who belong to several clinics: seen through memberships."""
    member = f"EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = {table}.id)"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY app_read ON {table} FOR SELECT TO {APP_ROLE} USING ({member})"
    yield f"CREATE POLICY app_write ON {table} FOR UPDATE TO {APP_ROLE} USING ({member})"
    yield f"CREATE POLICY system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)"
    yield f"GRANT SELECT, UPDATE ON {table} TO {APP_ROLE}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM_ROLE}"
