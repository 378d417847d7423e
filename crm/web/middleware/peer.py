"""Who is at the other end: forwarded headers count from configured proxies only (SEC-16)."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_FORWARDED = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-real-ip",
        b"x-request-id",
    }
)


class Peer:
    """Take the client's address from X-Forwarded-For of a trusted proxy; else drop the header.

    The server itself must not interpret these headers (`proxy_headers=False`).
    """

    def __init__(self, app: ASGIApp, *, trusted_proxies: Sequence[str] = ()) -> None:
        self.app = app
        self.trusted: list[IPv4Network | IPv6Network] = [ip_network(p) for p in trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        if self.trusted and client is not None and self._is_trusted(client[0]):
            hops = Headers(scope=scope).getlist("x-forwarded-for")
            address = self._first_stranger(",".join(hops))
            if address is not None:
                scope["client"] = (address, 0)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _FORWARDED]
        await self.app(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted)

    def _first_stranger(self, hops: str) -> str | None:
        """Return the rightmost address that is no proxy of ours: the left ones may be made up."""
        for hop in reversed([hop.strip() for hop in hops.split(",")]):
            if not self._is_trusted(hop):
                try:
                    return str(ip_address(hop))
                except ValueError:
                    return None
        return None
