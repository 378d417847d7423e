"""What people type: text that can be stored, forms without unknown fields, forms shown again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from crm.web.language import N_
from crm.web.problems import Problem

CSRF_FIELD = "csrf_token"
CLINIC_FIELD = "page_clinic_id"
_GUARD_FIELDS = frozenset({CSRF_FIELD, CLINIC_FIELD})

NUL_REFUSED = N_("This text holds a character that cannot be stored; type it again.")
DAMAGED = N_("This text is damaged; type it again.")


def storable(text: str) -> str:
    """Return the text, or refuse it where PostgreSQL could not store it or UTF-8 was broken."""
    if "\x00" in text:
        raise PydanticCustomError("frontdesk_nul", NUL_REFUSED)
    if "\ufffd" in text:
        raise PydanticCustomError("frontdesk_damaged", DAMAGED)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("frontdesk_damaged", DAMAGED) from None
    return text


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


BLANK_IS_NONE = BeforeValidator(_blank_to_none)
"""For optional fields: nothing but blanks means that nothing was given, as browsers send it."""

OptionalId = Annotated[UUID | None, BLANK_IS_NONE]
"""An id, or nothing."""

CleanText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=5000), AfterValidator(storable)
]
"""Text as typed, stripped, at most 5,000 characters, without NUL or broken UTF-8."""

ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(storable)
]
"""One line: `CleanText` of at most 200 characters."""

OptionalText = Annotated[ShortText | None, BLANK_IS_NONE]
"""`ShortText`, where nothing but blanks means that nothing was given."""


def _refuse_unstorable(arrived: Any) -> None:
    """Look through a value, its keys too; without recursion, since the depth is the sender's."""
    waiting = [arrived]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            storable(value)
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


class InputModel(BaseModel):
    """The base of everything that arrives: unknown fields are refused, text is stripped (SEC-7).

    Text that PostgreSQL cannot store is refused in every field, so a plain `str` is safe as well.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        _refuse_unstorable(value)
        return value


class FormModel(InputModel):
    """The base of HTML forms: as `InputModel`, and the fields of `guard()` are set aside."""

    @model_validator(mode="before")
    @classmethod
    def _set_guards_aside(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {name: value for name, value in data.items() if name not in _GUARD_FIELDS}
        return data


@dataclass(frozen=True)
class Rejected:
    """A form that was refused: what was typed, and what is wrong with it.

    `several` has all values of each field, `values` the last one.
    """

    problem: Problem
    values: Mapping[str, str]
    several: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def errors(self) -> Mapping[str, str]:
        """The message of each wrong field."""
        return self.problem.fields

    def id(self, name: str) -> UUID | None:
        """Return a field that held an id; None for whatever else was sent."""
        with suppress(ValueError):
            return UUID(self.values.get(name, ""))
        return None

    @classmethod
    async def of(cls, request: Request, problem: Problem) -> "Rejected":
        """Collect what was typed; a body that cannot be read gives nothing back."""
        try:
            typed = await request.form()
        except (HTTPException, RuntimeError):
            return cls(problem, {})
        several: dict[str, list[str]] = {}
        for name, value in typed.multi_items():
            if isinstance(value, str) and name not in _GUARD_FIELDS:
                several.setdefault(name, []).append(value)
        return cls(problem, {name: values[-1] for name, values in several.items()}, several)


def shows_again(show: Callable[[Request, Rejected], Response]) -> Any:
    """Return a route dependency: a refused form is answered by `show`, with its input kept.

    So is one whose row somebody else has changed meanwhile.

    `show` runs in a thread, in no transaction, and gives its response `rejected.problem.status`.
    """

    async def remember(request: Request) -> None:
        request.state.show_again = show

    return Depends(remember)
