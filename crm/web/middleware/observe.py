"""Each request gets an id and one line in the log; what breaks is answered without its words."""

import secrets
import time
import traceback
from pathlib import PurePath
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.core.tally import Tally, tallying
from crm.web.errors import answer_crash

log = structlog.get_logger("crm.web")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observe:
    """Give the request an id, log its answer, and turn what nobody handled into a 500 (SEC-13).

    The id is always ours: one sent from outside could put anything into the log. Paths are logged
    as their route's template, since a path or a query can hold an id, a phone or a name.
    What an answer took is told to whoever is signed in; others could learn from it whom we know.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        started = time.perf_counter()
        status: list[int] = []

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                headers = message.setdefault("headers", [])
                headers.append((b"x-request-id", request_id.encode()))
                if "frame" in scope["state"]:
                    headers.append((b"server-timing", _timing(tally, started).encode()))
            await send(message)

        structlog.contextvars.clear_contextvars()
        bound = structlog.contextvars.bound_contextvars(request_id=request_id)
        with bound, tallying() as tally:
            try:
                await self._run(scope, receive, note, status)
            finally:
                log.info(
                    "request.answered",
                    route=route_template(scope),
                    method=method,
                    status=status[0] if status else None,
                    **_cost(tally, started),
                )

    async def _run(self, scope: Scope, receive: Receive, send: Send, status: list[int]) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            log.error("request.crashed", route=route_template(scope), **anatomy(error))
            if status:
                # Too late for an answer: break the connection. The original must not travel on,
                # for the server prints its words.
                raise RuntimeError("the answer broke off") from None
            response = answer_crash(Request(scope, receive))
            await response(scope, receive, send)


def _timing(tally: Tally, started: float) -> str:
    """Return what the answer took until now, as browsers show it."""
    queries = f"{tally.queries} {'query' if tally.queries == 1 else 'queries'}"
    return (
        f'db;dur={_ms(tally.asking)};desc="{queries}", tpl;dur={_ms(tally.rendering)},'
        f" total;dur={_ms(time.perf_counter() - started)}"
    )


def _cost(tally: Tally, started: float) -> dict[str, float]:
    """Return what a log says of the same."""
    ms = _ms(time.perf_counter() - started)
    return {"ms": ms, "db_ms": _ms(tally.asking), "queries": tally.queries}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def route_template(scope: Scope) -> str:
    """Return the route as it was declared, such as `/leads/{lead_id}`, or `unmatched`."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    route = context if context is not None else scope.get("route")
    template: Any = getattr(route, "path_format", None) or getattr(route, "path", None)
    if isinstance(template, str):
        return template
    return "/static" if scope["path"].startswith("/static/") else "unmatched"


def anatomy(error: BaseException) -> dict[str, Any]:
    """Return what a log may say of an exception: types and file:line, never its words."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 5:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    frames = [
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-3:])}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return {
        "error": [f"{type(one).__module__}.{type(one).__qualname__}" for one in chain],
        "at": frames[-12:],
    }
