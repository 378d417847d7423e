"""How much a request may send, and what its address may hold."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.core.errors import DomainError, Invalid, TooLarge
from crm.web.errors import answer_domain
from crm.web.language import _

KIB = 1024
PUBLIC_FORM_LIMIT = 64 * KIB
DEFAULT_LIMIT = 1024 * KIB
EVENTS_LIMIT = 8 * DEFAULT_LIMIT
"""SendGrid tells of up to a thousand emails at once, and drops what is refused."""


class BodyLimit:
    """Refuse a body over its route's limit, by what it declares and by what it really sends.

    The framework's own limiter answers in plain text where a length was declared; ours answers
    as every other error does. `limits` are (path prefix, bytes), the first that fits counts.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Sequence[tuple[str, int]] = (
            ("/f/", PUBLIC_FORM_LIMIT),
            ("/u/", PUBLIC_FORM_LIMIT),
            ("/webhooks/sendgrid/", EVENTS_LIMIT),
        ),
        default: int = DEFAULT_LIMIT,
    ) -> None:
        self.app = app
        self.limits = tuple(limits)
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = next(
            (n for prefix, n in self.limits if scope["path"].startswith(prefix)), self.default
        )
        refusal = _refusal(scope, limit)
        if refusal is not None:
            await answer_domain(Request(scope, receive), refusal)(scope, receive, send)
            return
        taken = 0

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    # An HTTPException, because the framework lets only those through while it
                    # reads a body; every other exception becomes its 400.
                    raise HTTPException(413)
            return message

        await self.app(scope, count, send)


def _refusal(scope: Scope, limit: int) -> DomainError | None:
    """Return why this request must not even be read, if so."""
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        return Invalid(_("The address holds a character that cannot be stored."))
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        return TooLarge(_("Send at most %(limit)s KB.", limit=limit // KIB))
    return None
