"""Addresses of the application's own routes, by their names."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from crm.web.state import web_of


def path_of(request: Request, name: str, /, **params: Any) -> str:
    """Return a route's path: never the host, which is the sender's word.

    Raises `starlette.routing.NoMatchFound` where no route has that name and these parameters.
    """
    segments = {each: _segment(value) for each, value in params.items()}
    root: str = request.scope.get("root_path", "")
    return root + _form(request, name, params).format(**segments)


def _form(request: Request, name: str, params: Mapping[str, Any]) -> str:
    """Return a path with its parameters in braces: looking through all routes takes a while."""
    forms, key = web_of(request).paths, (name, *params)
    if key not in forms:
        path = request.app.url_path_for(name, **{each: f"{{{each}}}" for each in params})
        forms[key] = str(path)
    return forms[key]


def _segment(value: Any) -> str:
    text = str(value)
    assert text, "a part of a path is not empty"
    assert "/" not in text, "a part of a path is one"
    return text
