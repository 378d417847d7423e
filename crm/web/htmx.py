"""Requests that replace a part of a page, and what they let the page say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from crm.web.flash import Tone

CLIENT_HEADER = "X-Client-Id"
"""One open page of a browser, by a random id of its own: it is not told of what it did itself."""


@dataclass(frozen=True)
class Undo:
    """The action that takes back what was done, asked for as any other: a POST of these values.

    `seconds` is for how long it can be, where that is known.
    """

    url: str
    values: Mapping[str, Any] = field(default_factory=dict)
    seconds: int | None = None


def is_htmx(request: Request) -> bool:
    """Return whether a script of our page asks, and wants a part of it."""
    return request.headers.get("hx-request") == "true"


def lead_to(request: Request, response: Response) -> Response:
    """Let a script's page go where a redirect leads; without a script it is a redirect."""
    if is_htmx(request):
        response.headers["HX-Redirect"] = response.headers["location"]
        del response.headers["location"]
        response.status_code = 204
    return response


def toast(
    response: Response, message: str, *, tone: Tone = "good", undo: Undo | None = None
) -> Response:
    """Let the page that asked say this, for some seconds, with an Undo where there is one."""
    said: dict[str, Any] = {"message": message, "tone": tone}
    if undo is not None:
        values = {name: str(value) for name, value in undo.values.items() if value is not None}
        said["undo"] = {"url": undo.url, "values": values, "seconds": undo.seconds}
    # A header holds ASCII; JSON escapes the rest.
    response.headers["HX-Trigger"] = json.dumps({"toast": said})
    return response
