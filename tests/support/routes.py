"""The routes of an application as a caller who has read its code sees them."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from crm.accounts.deps import current_login, maybe_login
from crm.web.csrf import COOKIELESS_PATHS, SAFE_METHODS

DAY = "2027-02-03"
Place = Literal["path", "query", "body"]


@dataclass(frozen=True)
class Param:
    """A parameter of a route: where it stands, and what it takes. `body` names are dotted."""

    place: Place
    name: str
    field: FieldInfo

    @property
    def is_id(self) -> bool:
        """Whether it names a row of ours, as an id or in a text field that holds one."""
        return UUID in _members(self.field.annotation) or (
            self.place == "body" and self.name.endswith("_id")
        )


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    name: str
    dependant: Dependant | None
    params: tuple[Param, ...] = field(default=(), repr=False)

    @property
    def is_unsafe(self) -> bool:
        """Whether it may write."""
        return self.method not in SAFE_METHODS

    @property
    def is_by_key(self) -> bool:
        """Whether an API key opens it."""
        return any(isinstance(call, HTTPBearer) for call in self.calls())

    @property
    def is_cookieless(self) -> bool:
        """Whether no cookie decides anything there."""
        return self.path.startswith(COOKIELESS_PATHS) or self.is_by_key

    @property
    def knows_who(self) -> bool:
        """Whether it asks who is signed in."""
        return any(call in (current_login, maybe_login) for call in self.calls())

    @property
    def needs_login(self) -> bool:
        """Whether nobody gets in without being signed in."""
        return any(call is current_login for call in self.calls())

    @property
    def roles(self) -> frozenset[str] | None:
        """The roles that `require` lets in; None where nothing is required."""
        found = [call.allowed for call in self.calls() if hasattr(call, "allowed")]
        return frozenset.intersection(*found) if found else None

    @property
    def is_form(self) -> bool:
        """Whether its body is a form."""
        params = [*_each(self.dependant, "body_params")]
        return any(type(one.field_info).__name__ == "Form" for one in params)

    def calls(self) -> Iterator[Callable[..., Any]]:
        """Yield everything that is called for it."""
        yield from _calls(self.dependant)

    def of(self, place: Place) -> list[Param]:
        """Return the parameters of a place."""
        return [param for param in self.params if param.place == place]

    def ids(self, place: Place) -> list[Param]:
        """Return the parameters of a place that name rows."""
        return [param for param in self.of(place) if param.is_id]


def routes_of(app: FastAPI) -> list[Route]:
    """Return every route of an application, one a method; mounted files are not routes of ours."""
    return [
        Route(
            method,
            context.path or "",
            context.name or "",
            dependant := getattr(context, "dependant", None),
            tuple(_params(dependant)),
        )
        for context in iter_route_contexts(app.routes)
        for method in sorted(context.methods or ())
        if method != "HEAD"
    ]


def sample(kind: FieldInfo, name: str, own: Mapping[str, str]) -> Any:
    """Return a value that a field takes: ids from `own`, else the smallest of its type."""
    members = _members(kind.annotation)
    if UUID in members or name.endswith("_id"):
        return own[name]
    first = members[0]
    if isinstance(first, type) and issubclass(first, BaseModel):
        return sample_body(first, own)
    if isinstance(first, type) and get_origin(first) is None:
        simple = {bool: True, int: 1, float: 1.0, str: "Robin", list: [], dict: {}, date: DAY}
        return simple.get(first, "Robin")
    return first if isinstance(first, str | int) else []


def sample_body(model: type[BaseModel], own: Mapping[str, str]) -> dict[str, Any]:
    """Return a body that a model takes: its required fields, its ids and its groups of fields."""
    return {
        info.alias or name: sample(info, name, own)
        for name, info in model.model_fields.items()
        if info.is_required() or _is_wanted(info, name)
    }


def body_models(route: Route) -> list[type[BaseModel]]:
    """Return the models of a route's body."""
    kinds = [one.field_info.annotation for one in _each(route.dependant, "body_params")]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _is_wanted(info: FieldInfo, name: str) -> bool:
    members = _members(info.annotation)
    is_group = any(isinstance(one, type) and issubclass(one, BaseModel) for one in members)
    return UUID in members or name.endswith("_id") or is_group or bool in members


def _params(dependant: Dependant | None) -> Iterator[Param]:
    for one in _each(dependant, "path_params"):
        yield Param("path", one.alias, one.field_info)
    for one in _each(dependant, "query_params"):
        yield Param("query", one.alias, one.field_info)
    for one in _each(dependant, "body_params"):
        kind = one.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, "")
        else:
            yield Param("body", one.alias, one.field_info)


def _fields(model: type[BaseModel], before: str) -> Iterator[Param]:
    for name, info in model.model_fields.items():
        yield Param("body", f"{before}{info.alias or name}", info)
        for kind in _members(info.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _fields(kind, f"{before}{name}.")


def _each(dependant: Dependant | None, kind: str) -> Iterator[Any]:
    if dependant is not None:
        yield from getattr(dependant, kind)
        for one in dependant.dependencies:
            yield from _each(one, kind)


def _calls(dependant: Dependant | None) -> Iterator[Callable[..., Any]]:
    if dependant is None:
        return
    if dependant.call is not None:
        yield dependant.call
    for one in dependant.dependencies:
        yield from _calls(one)


def _members(kind: Any) -> list[Any]:
    """Return the plain types that an annotation is made of, without None."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _members(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [one for each in get_args(kind) for one in _members(each)]
    if origin is Literal:
        return list(get_args(kind))
    if origin is not None:
        return [origin]
    return [] if kind is type(None) else [kind]
