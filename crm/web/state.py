"""What rendering needs of the application, reachable from every request."""

from dataclasses import dataclass, field

from itsdangerous import URLSafeSerializer
from jinja2 import Environment
from starlette.requests import Request

from crm.web.csrf import Csrf
from crm.web.static import Assets


@dataclass(frozen=True)
class Web:
    """The layer's own things, as `app.state.web`."""

    templates: Environment
    assets: Assets
    csrf: Csrf
    signer: URLSafeSerializer
    paths: dict[tuple[str, ...], str] = field(default_factory=dict)


def web_of(request: Request) -> Web:
    """Return the layer's things for a request; an application without `install` has none."""
    web = request.app.state.web
    assert isinstance(web, Web)
    return web
