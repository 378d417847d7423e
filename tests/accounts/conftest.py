"""An application with the accounts' pages, users, and browsers that behave as browsers do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import crm.accounts
from crm.accounts import cli, pages, setup
from crm.accounts.actions import ApiPrincipal
from crm.accounts.deps import ApiUow, ClinicUow, CurrentLogin, api_principal, require, verify_write
from crm.accounts.frame import NavEntry
from crm.accounts.models import Clinic, Role
from crm.accounts.passwords import Passwords
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.setup import install
from crm.web.templating import render
from tests.support.browsing import EMAIL, PASSWORD, Browser, CountingHasher, open_browser

OTHER_PASSWORD = "eight green lamps glow"
TEMPLATES = Path(crm.accounts.__file__).parent / "templates"

PAGE = """{% extends "base.html" %}{% block title %}x{% endblock %}
{% block content %}<form method="post">{{ guard() }}</form>
<i id="language">{{ language() }}</i>{% endblock %}"""


@pytest.fixture
def hasher() -> CountingHasher:
    """What the application hashes with."""
    return CountingHasher()


@pytest.fixture
def passwords(hasher: CountingHasher) -> Passwords:
    """Cheap passwords."""
    return Passwords(hasher)


@pytest.fixture
def app(runtime: Runtime, passwords: Passwords, tmp_path: Path) -> FastAPI:
    """The accounts' pages and a few routes that use their vocabulary."""
    own = tmp_path / "probe" / "templates"
    own.mkdir(parents=True)
    (own / "page.html").write_text(PAGE)
    built = FastAPI(dependencies=[Depends(verify_write)])
    install(
        built,
        folders=[TEMPLATES, own],
        secret=b"s" * 32,
        public_url=runtime.settings.base_url,
    )
    setup.install(built, runtime, passwords=passwords)
    built.state.nav = (
        NavEntry("Pipeline", "/pipeline", "pipeline", "leads:read"),
        NavEntry("Late work", "/settings/work", "work", "ops:read"),
    )
    built.include_router(pages.router)
    _add_probes(built)
    return built


def _add_probes(app: FastAPI) -> None:
    @app.get("/probe")
    def page(request: Request, login: CurrentLogin) -> Response:
        return render(request, "probe/page.html")

    @app.post("/probe")
    def write(uow: ClinicUow, login: CurrentLogin, name: str = "Renamed") -> Response:
        clinic = uow.session.get(Clinic, uow.clinic_id)
        assert clinic is not None
        clinic.name = name
        return PlainTextResponse("written")

    @app.post("/probe/broken")
    def broken(uow: ClinicUow) -> Response:
        clinic = uow.session.get(Clinic, uow.clinic_id)
        assert clinic is not None
        clinic.language = "xx"  # refused by the database, at the commit
        return PlainTextResponse("written")

    @app.get("/probe/moves", dependencies=[require("leads:move")])
    def moves() -> Response:
        return PlainTextResponse("may move")

    @app.post("/api/v1/probe")
    def by_key(uow: Annotated[UnitOfWork, ApiUow("requests:write")]) -> dict[str, str]:
        return {"clinic": str(uow.clinic_id), "kind": uow.principal.kind}

    @app.post("/api/v1/broken")
    def broken_by_key(
        uow: Annotated[UnitOfWork, ApiUow("requests:write")],
        key: Annotated[ApiPrincipal, api_principal("requests:write")],
    ) -> dict[str, str]:
        clinic = uow.session.get(Clinic, key.clinic_id)
        assert clinic is not None
        clinic.language = "xx"
        return {"never": "said"}


@pytest.fixture
def new_browser(app: FastAPI) -> Iterator[Callable[..., Browser]]:
    """Make browsers: each with cookies of its own, from an address of its own if asked."""
    opened: list[Browser] = []

    def make(ip: str = "203.0.113.7", base_url: str = "https://testserver") -> Browser:
        browser = open_browser(app, ip, base_url=base_url)
        opened.append(browser)
        return browser

    yield make
    for browser in opened:
        browser.close()


@pytest.fixture
def browser(new_browser: Callable[..., Browser]) -> Browser:
    """A browser that nobody is signed in with."""
    return new_browser()


@dataclass(frozen=True)
class People:
    """Adds users."""

    runtime: Runtime
    passwords: Passwords

    def add(
        self,
        clinic_id: UUID,
        email: str = EMAIL,
        role: Role = "owner",
        password: str | None = PASSWORD,
        language: str = "en",
    ) -> UUID:
        """Let somebody work in a clinic."""
        return cli.user_add(
            self.runtime.database,
            clinic_id=clinic_id,
            email=email,
            name="Kim Weaver",
            role=role,
            password=password,
            language=language,
            passwords=self.passwords,
        )


@pytest.fixture
def people(runtime: Runtime, passwords: Passwords) -> People:
    """`people.add(clinic, role="marketer")`."""
    return People(runtime, passwords)


@pytest.fixture
def clinic_name(runtime: Runtime) -> Callable[[UUID], str]:
    """Return the stored name of a clinic."""

    def read(clinic_id: UUID) -> str:
        with runtime.database.transaction(clinic_id, SYSTEM) as uow:
            clinic = uow.session.get(Clinic, clinic_id)
        assert clinic is not None
        return clinic.name

    return read
