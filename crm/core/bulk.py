"""Statements over many values whose text does not grow with them, so that they stay prepared."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY


def among(column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the values: `column = ANY(:values)`."""
    return column == any_(literal(list(values), ARRAY(column.type)))  # type: ignore[no-any-return]
