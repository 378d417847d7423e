"""Which language a request is answered in."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from crm.web.language import LANGUAGES, best_language, listening

COOKIE = "__Host-language"


class Language:
    """Set `request.state.language`: `?lang=`, else the switch's cookie, else the browser's wish.

    A page that knows better, such as a signed-in user's own setting, sets the state again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["language"] = _wished(scope)
        with listening(state):
            await self.app(scope, receive, send)


def _wished(scope: Scope) -> str:
    request, sent = Request(scope), dict(scope["headers"])
    asked = request.query_params.get("lang") if scope["query_string"] else None
    kept = request.cookies.get(COOKIE) if b"cookie" in sent else None
    for wish in (asked, kept):
        if wish in LANGUAGES:
            return str(wish)
    return best_language(sent.get(b"accept-language", b"").decode("latin-1"))
