"""Puts the rendering layer into an application: one call of `crm.app`."""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from itsdangerous import URLSafeSerializer

from crm.web import errors, language, pages
from crm.web.csrf import Csrf
from crm.web.middleware.admission import DEFAULT_ADMIT, Admission
from crm.web.middleware.compress import Compress
from crm.web.middleware.headers import SecurityHeaders
from crm.web.middleware.language import Language
from crm.web.middleware.limits import DEFAULT_LIMIT, PUBLIC_FORM_LIMIT, BodyLimit
from crm.web.middleware.observe import Observe
from crm.web.middleware.peer import Peer
from crm.web.state import Web
from crm.web.static import FOLDERS, PREFIX, Assets
from crm.web.templating import environment


def install(
    app: FastAPI,
    *,
    folders: Sequence[Path],
    secret: bytes,
    public_url: str,
    trusted_proxies: Sequence[str] = (),
    body_limits: Sequence[tuple[str, int]] = (
        ("/f/", PUBLIC_FORM_LIMIT),
        ("/u/", PUBLIC_FORM_LIMIT),
    ),
    default_body_limit: int = DEFAULT_LIMIT,
    admit: int = DEFAULT_ADMIT,
) -> Web:
    """Mount assets, middleware and error handlers; `folders` are the packages' `templates/`.

    `secret` signs CSRF tokens and flash cookies; changing it invalidates open pages, no login.
    `admit` is how many requests may be under way at once, see `admission.places`.
    """
    parts = urlsplit(public_url)
    web = Web(
        templates=environment(tuple(folders)),
        assets=Assets.read(*FOLDERS),
        csrf=Csrf(_derived(secret, "csrf"), f"{parts.scheme}://{parts.netloc}"),
        signer=URLSafeSerializer(_derived(secret, "flash"), salt="flash"),
    )
    language.load()
    app.state.web = web
    app.mount(PREFIX, web.assets)
    app.include_router(pages.router)
    errors.install(app)
    # The last one added is the outermost: headers go on every answer, a crash's too.
    app.add_middleware(Admission, admit=admit)
    app.add_middleware(BodyLimit, limits=body_limits, default=default_body_limit)
    app.add_middleware(Observe)
    app.add_middleware(Language)
    app.add_middleware(Peer, trusted_proxies=trusted_proxies)
    app.add_middleware(Compress)
    app.add_middleware(SecurityHeaders, https=parts.scheme == "https")
    return web


def _derived(secret: bytes, purpose: str) -> bytes:
    """Return a key of its own for each purpose, so that one cannot stand in for another."""
    if len(secret) < 32:
        raise ValueError("the secret needs at least 32 bytes")
    return hmac.new(secret, purpose.encode(), sha256).digest()
