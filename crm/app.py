"""The web application: routers, middleware and error handlers around one runtime."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from crm import registry
from crm.accounts import setup as accounts_setup
from crm.accounts.deps import verify_write
from crm.accounts.passwords import Passwords
from crm.core import tally
from crm.core.logging import configure_logging
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.runtime import build_runtime, encryption_keys, ring_redis
from crm.web import gallery, live, setup
from crm.web.middleware.admission import places

ROOT = Path(__file__).parents[1]
SWITCH_INTERVAL = 0.001
"""Seconds that a busy thread keeps the interpreter from one that waits for it. A transaction asks
the database some twenty times; with Python's 5 ms, each answer waits that long under load."""

GUARDS = [Depends(verify_write)]
PACKAGES = ("crm/accounts", "crm/messaging", "pipelines", "automations", "webhooks", "workers")


def create_app(
    runtime: Runtime,
    *,
    beside: Callable[[], AbstractContextManager[object]] | None = None,
    passwords: Passwords | None = None,
) -> FastAPI:
    """Return the application; `beside` is what runs in its process while it serves.

    `passwords` is for tests, which hash cheaply.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with live.closed_by_signals(app.state.live), beside() if beside else nullcontext():
            async with app.state.live.running():
                yield

    app = FastAPI(
        title="Frontdesk",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # It would lead to whatever host the request named.
        dependencies=GUARDS,
    )
    setup.install(
        app,
        folders=[folder for name in PACKAGES if (folder := ROOT / name / "templates").is_dir()],
        secret=_web_secret(runtime.settings),
        public_url=runtime.settings.base_url,
        trusted_proxies=runtime.settings.trusted_proxies,
        admit=places(runtime.settings.database_pool),
    )
    tally.watch(runtime.database.engine)
    accounts_setup.install(app, runtime, passwords=passwords)
    app.state.nav, app.state.watched = registry.NAV, registry.WATCHED
    app.state.live = accounts_setup.hub(runtime, registry.TOPICS)
    app.state.bars = registry.BARS
    app.router.routes.extend(_routes())
    if runtime.settings.is_demo:
        app.include_router(gallery.router)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    """Return the packages' routes; FastAPI prepares them at the first request of a process."""
    every = APIRouter(dependencies=GUARDS)
    for router in registry.ROUTERS:
        every.include_router(router)
    return every.routes


def _web_secret(settings: Settings) -> bytes:
    """Return what signs tokens of open pages: derived, so that there is one secret to keep."""
    return sha256(b"web:" + encryption_keys(settings)[0].encode()).digest()


def from_env() -> FastAPI:
    """Return the application as the environment configures it, for `uvicorn --factory`."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    settings = Settings()
    configure_logging(settings.log_level)
    return create_app(build_runtime(settings, doorbell=ring_redis(settings)))
