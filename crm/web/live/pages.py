"""What open pages say of themselves in their requests."""

from contextlib import suppress
from uuid import UUID

from starlette.requests import Request

PATH = "/events"
LIVE_HEADER = "X-Live"


def client_of(sent: str | None) -> UUID | None:
    """Return the id that an open page gave itself; nothing but an id passes."""
    with suppress(ValueError):
        return UUID(sent) if sent else None
    return None


def asks_by_itself(request: Request) -> bool:
    """Return whether a page asks because of news, and not because somebody sits before it.

    Otherwise an open page would keep its login open for ever (SEC-1).
    """
    return LIVE_HEADER in request.headers or request.url.path == PATH
