"""Several questions in one statement: a page asks the database once, however much it shows."""

from collections.abc import Callable
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, DateTime, Select, Uuid, cast, func, literal, select
from sqlalchemy.types import TypeDecorator

from crm.core.uow import UnitOfWork

_READ: tuple[tuple[type, Callable[[str], object]], ...] = (
    (Uuid, UUID),
    (DateTime, datetime.fromisoformat),
    (Date, date.fromisoformat),
)


def together(uow: UnitOfWork, **asked: Select[Any]) -> dict[str, list[Any]]:
    """Ask all of these with one statement; return the rows of each by its name, in its order.

    Columns are read back by their types, what has none of its own in JSON by the columns' names.
    """
    if not asked:
        return {}
    parts = (_as_json(one.subquery(f"q_{name}")).label(name) for name, one in asked.items())
    row = uow.session.execute(select(*parts)).one()
    return {name: _rows(one, found) for (name, one), found in zip(asked.items(), row, strict=True)}


def _as_json(part: Any) -> Any:
    told = func.json_agg(part.table_valued(), type_=JSON)
    return select(func.coalesce(told, cast(literal("[]"), JSON), type_=JSON)).scalar_subquery()


def _rows(one: Select[Any], found: list[dict[str, Any]]) -> list[Any]:
    readers = {
        column.name: read
        for column in one.selected_columns
        for kind, read in _READ
        if isinstance(_plain(column.type), kind)
    }
    return [
        SimpleNamespace(**{name: _value(readers, name, row[name]) for name in row}) for row in found
    ]


def _value(readers: dict[str, Callable[[str], object]], name: str, value: Any) -> Any:
    return readers[name](value) if value is not None and name in readers else value


def _plain(kind: Any) -> Any:
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind
