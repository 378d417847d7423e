"""Clinics as they are after years: tens of thousands of leads each, with all that was said.

Written by the superuser, past foreign keys and row by no row of Python but what is encrypted, so
that a million leads take minutes. `tests/bench/test_crowd.py` holds it to what the product writes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from bench.house import ZONE
from crm.accounts import cli as accounts
from crm.accounts.actions import add_clinic
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.furnishing import furnish
from crm.messaging.actions import add_sender

EMAIL, PASSWORD = "owner@crowd.example", "a-long-password-of-the-bench"

Connection = psycopg.Connection[tuple[Any, ...]]

_STATEMENTS = [
    statement
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n")
    if statement.strip()
]
_PREPARE = """
CREATE OR REPLACE FUNCTION pg_temp.id_at(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
    SELECT (
        lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(gen_random_uuid()::text, 16)
    )::uuid
$$;
CREATE OR REPLACE FUNCTION pg_temp.name_of(number int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(
        substr('babelicomadenofiguhokalimoneparisotuvewayozuteri', 1 + 2 * (digit % 20), 2), ''
    )
    FROM unnest(ARRAY[number % 20, number / 20 % 20, number / 400 % 20]) AS digit
$$;
CREATE TEMP TABLE IF NOT EXISTS words (n int, k int, id uuid, sealed text);
CREATE TEMP TABLE IF NOT EXISTS people (
    n int, at timestamptz, entered_at timestamptz, contact_id uuid, lead_id uuid, phone_id uuid,
    email_id uuid, consent_id uuid, move_id uuid, first_name text, last_name text, phone text,
    first_stage stages, stage stages, source text, value_cents bigint
);
"""
_TABLES = [
    *("contacts", "addresses", "contact_addresses", "search_terms", "consents", "leads"),
    *("stage_moves", "appointment_requests", "conversations", "communications", "events"),
]
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%s::text[]::regclass[]) AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = indexrelid
)
"""
_EACH = 4
"""Every so manieth person sent a request and has so many texts: one text a lead, all in all."""

REQUEST = {"service": "New patient visit", "message": "My tooth hurts when it is cold."}
TEXTS = (
    "Thank you for your request. Which day suits you best?",
    "Wednesday in the morning, please.",
    "We have Wednesday at 9:40. Shall we keep it for you?",
    "Yes please, thank you.",
)


@dataclass(frozen=True)
class Crowd:
    """So many clinics with so many leads each."""

    clinics: int
    leads: int


def fill(runtime: Runtime, connection: Connection, crowd: Crowd) -> None:
    """Make the clinics; the owner of the first one signs in with `EMAIL`.

    `connection` is the superuser's, to the runtime's database.
    """
    connection.execute(_PREPARE.encode())
    with _without_indexes(connection):
        for number in range(crowd.clinics):
            _fill_clinic(runtime, connection, number, crowd.leads)
    connection.execute("VACUUM ANALYZE")


def _fill_clinic(runtime: Runtime, connection: Connection, number: int, leads: int) -> None:
    clinic_id = add_clinic(runtime.database, name=f"Clinic {number}", timezone=ZONE)
    owner = _add_user(runtime, clinic_id) if number == 0 else None
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        furnish(uow, is_live=True)
        add_sender(uow, "sandbox", f"+1212{5_550_000 + number:07d}")
        _write_words(uow, connection, leads)
    given = {
        "clinic": clinic_id,
        "leads": leads,
        "offset": runtime.clock.offset,
        "owner": owner,
    }
    with connection.transaction():
        # No foreign keys: each would be looked up a row.
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in _STATEMENTS:
            connection.execute(statement.encode(), given)


def _add_user(runtime: Runtime, clinic_id: UUID) -> UUID:
    return accounts.user_add(
        runtime.database,
        clinic_id=clinic_id,
        email=EMAIL,
        name="Owner",
        role="owner",
        password=PASSWORD,
    )


def _write_words(uow: UnitOfWork, connection: Connection, leads: int) -> None:
    """Encrypt what every fourth person wrote and was written, each for its own row."""
    connection.execute("TRUNCATE words")
    spoken = (json.dumps(REQUEST), *TEXTS)
    with connection.cursor().copy("COPY words FROM STDIN") as copy:
        for n in range(_EACH, leads + 1, _EACH):
            for k, said in enumerate(spoken):
                row_id = new_id()
                copy.write_row((n, k, row_id, uow.encrypt(row_id, said)))


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Take away the indexes of what is filled, and build each of them once at the end."""
    indexes = connection.execute(_INDEXES, [_TABLES]).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())
