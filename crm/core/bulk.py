"""Statements over many values whose text does not grow with them, so that they stay prepared.

A list of rows travels as one JSON text, which the database takes apart by the columns' types: a
small part of what it costs to send rows, or arrays of their values, through the driver one by one.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, Table, Text, any_, bindparam, cast, column, func, select
from sqlalchemy import literal as literal_of
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.orm import Session


def among(column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the values: `column = ANY(:values)`."""
    return column == any_(literal_of(list(values), ARRAY(column.type)))  # type: ignore[no-any-return]


def insert_rows(
    session: Session,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    skip_known: bool = False,
    returning: tuple[str, ...] = (),
) -> list[Any]:
    """Insert rows, all of the same columns, in their order, with one statement.

    `skip_known` leaves rows alone that a unique key knows. Returns what `returning` names. Raises
    ValueError where columns differ, TypeError for a value that has no form as text, such as a time
    without a zone.
    """
    if not rows:
        return []
    names = rows[0].keys()
    if any(row.keys() != names for row in rows):
        raise ValueError("rows of different columns")
    statement = _statement(table, tuple(names), skip_known, returning)
    written = json.dumps(rows, ensure_ascii=False, default=_written)
    result = session.execute(statement, {"rows": written})
    return list(result) if returning else []


@cache
def _statement(
    table: Table, names: tuple[str, ...], skip_known: bool, returning: tuple[str, ...]
) -> Insert:
    given = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON))
        .table_valued(*(column(name, table.c[name].type) for name in names), name="given")
        .render_derived(with_types=True)
    )
    statement: Any = insert(table).from_select(names, select(*(given.c[name] for name in names)))
    if skip_known:
        statement = statement.on_conflict_do_nothing()
    if returning:
        statement = statement.returning(*(table.c[name] for name in returning))
    return statement  # type: ignore[no-any-return]


def _written(value: object) -> str:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a time without a zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)
