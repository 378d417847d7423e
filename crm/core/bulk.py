"""Statements over many values whose text does not grow with them, so that they stay prepared.

A list of rows travels as one JSON text, which the database takes apart by the columns' types: a
small part of what it costs to send rows, or arrays of their values, through the driver one by one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import JSON, ColumnElement, Table, Text, any_, bindparam, cast, column, func, select
from sqlalchemy import literal as literal_of
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.orm import Session


def among(column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the values: `column = ANY(:values)`."""
    return column == any_(literal_of(list(values), ARRAY(column.type)))  # type: ignore[no-any-return]


def given(column: Any, name: str = "ids") -> ColumnElement[bool]:
    """Return the condition that a column holds one of the values given as `name`, as `among` does.

    For a statement that is built once: its values come with each execution.
    """
    return column == any_(bindparam(name, type_=ARRAY(column.type)))  # type: ignore[no-any-return]


def each_its_own(column: Any, texts: Mapping[UUID, str]) -> ColumnElement[str]:
    """Return the expression of the text that belongs to a column's id; NULL for unknown ones."""
    known = cast(literal_of(to_json(texts).decode(), Text()), JSONB)
    return func.jsonb_extract_path_text(known, cast(column, Text()))


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
    ValueError where columns differ or a value has no form as JSON, TypeError for bytes and for a
    time without a zone (looked for in the first row: a column is of one kind).
    """
    if not rows:
        return []
    names = rows[0].keys()
    if any(row.keys() != names for row in rows):
        raise ValueError("rows of different columns")
    if any(_has_no_form(value) for value in rows[0].values()):
        raise TypeError("bytes, or a time without a zone")
    statement = _statement(table, tuple(names), skip_known, returning)
    result = session.execute(statement, as_rows(rows))
    return list(result) if returning else []


def as_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the values of a statement that `insert_given` began."""
    return {"rows": to_json(rows).decode()}


@cache
def _statement(
    table: Table, names: tuple[str, ...], skip_known: bool, returning: tuple[str, ...]
) -> Insert:
    statement: Any = insert_given(table, names)
    if skip_known:
        statement = statement.on_conflict_do_nothing()
    if returning:
        statement = statement.returning(*(table.c[name] for name in returning))
    return statement  # type: ignore[no-any-return]


def insert_given(table: Table, names: tuple[str, ...]) -> Insert:
    """Return the insert of rows of these columns that come with each execution (`as_rows`)."""
    given = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON))
        .table_valued(*(column(name, table.c[name].type) for name in names), name="given")
        .render_derived(with_types=True)
    )
    return insert(table).from_select(names, select(*(given.c[name] for name in names)))


def _has_no_form(value: object) -> bool:
    return isinstance(value, bytes) or (isinstance(value, datetime) and value.tzinfo is None)
