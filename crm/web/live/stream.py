"""The answer that does not end: server-sent events to one open page."""

from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from crm.web.live.hub import Hub
from crm.web.live.listener import Listener


class Stream(EventSourceResponse):
    """Tells a page what its process hears, until one of both goes away."""

    def __init__(self, hub: Hub, listener: Listener) -> None:
        # Proxies that gather answers would keep the news to themselves.
        super().__init__(listener.messages(), headers={"X-Accel-Buffering": "no"})
        self.hub, self.listener = hub, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        with self.hub.listening(self.listener):
            await super().__call__(scope, receive, send)
