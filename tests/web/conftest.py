"""A tiny application with one route for each thing that can happen to a request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, Form
from pydantic import Field
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.testclient import TestClient
from structlog.typing import EventDict

from crm.core import errors
from crm.web.csrf import SESSION_COOKIE, verify_clinic, verify_csrf
from crm.web.forms import CleanText, FormModel, InputModel, Rejected, shows_again
from crm.web.frame import Frame, NavItem
from crm.web.pages import see_other
from crm.web.setup import install
from crm.web.templating import render, render_block

CANARY = "Zebulon Quux +1 212 555 0142"
CLINIC = UUID("00000000-0000-4000-8000-000000000001")

PAGE = """{% extends "base.html" %}{% block title %}{{ _("Main") }}{% endblock %}
{% block content %}<form method="post">{{ guard() }}</form>
{% block region %}<b id="region">{{ _("Sign out") }}</b>{% endblock %}{% endblock %}"""
FORM = """{% extends "public.html" %}{% import "macros/ui.html" as ui %}
{% block title %}x{% endblock %}{% block content %}
{{ ui.field("name", "Name", value=values.name, error=errors.name, required=true) }}{% endblock %}"""


class Asked(InputModel):
    """A JSON body."""

    name: CleanText
    count: int = 0
    extra: dict[str, str] = Field(default_factory=dict)


class NameForm(FormModel):
    """An HTML form."""

    name: CleanText


RAISED: dict[str, errors.DomainError] = {
    "invalid": errors.Invalid("Look again.", fields={"phone": "Too short."}),
    "field": errors.Invalid("Too short.", field="phone"),
    "missing": errors.NotFound(),
    "unauthenticated": errors.Unauthenticated(),
    "forbidden": errors.Forbidden(),
    "conflict": errors.Conflict(),
    "stale": errors.StaleVersion(),
    "clinic": errors.WrongClinic(),
    "many": errors.TooMany(retry_after=17),
    "large": errors.TooLarge(),
    "lease": errors.LeaseLost(CANARY),
}

router = APIRouter()


def sign_in(request: Request) -> None:
    """Stand in for accounts: a frame around every page."""
    request.state.frame = Frame(
        clinic_id=CLINIC,
        clinic_name="Bright Smile",
        user_name="Front desk",
        nav=[NavItem("Pipeline", "/page", "pipeline", count=3)],
        links={"sign_out": "/sign-out", "profile": "/settings/profile", "theme": "/settings/theme"},
        ribbon="Demo",
    )


def form_again(request: Request, rejected: Rejected) -> Response:
    """Show the form as it was typed."""
    context = {
        "values": {"name": rejected.values.get("name", "")},
        "errors": {"name": rejected.errors.get("name")},
    }
    return render(request, "things/form.html", rejected.problem.status, **context)


@router.api_route("/api/raise/{kind}", methods=["GET", "POST"])
@router.api_route("/raise/{kind}", methods=["GET", "POST"])
def raise_it(kind: str) -> Response:
    raise RAISED[kind]


@router.post("/api/things")
@router.post("/f/things")
def make(asked: Asked) -> dict[str, str]:
    return {"name": asked.name}


@router.get("/things/{thing_id}", name="thing")
def thing(thing_id: UUID) -> dict[str, str]:
    return {"id": str(thing_id)}


@router.post("/f/form", dependencies=[shows_again(form_again)])
@router.post("/form")
def fill(form: Annotated[NameForm, Form()]) -> dict[str, str]:
    return form.model_dump()


@router.get("/page")
def page(request: Request, _frame: Annotated[None, Depends(sign_in)]) -> Response:
    return render(request, "things/page.html")


@router.get("/part")
def part(request: Request) -> Response:
    return render_block(request, "things/page.html", "region")


@router.get("/crash")
@router.get("/api/crash/{who}")
def crash(who: str = "") -> Response:
    raise ValueError(CANARY + who)


@router.get("/crash/late")
def crash_late() -> Response:
    def body() -> Iterator[str]:
        yield "begun"
        raise ValueError(CANARY)

    return StreamingResponse(body())


@router.get("/api/down")
def down() -> Response:
    raise OperationalError(CANARY, {}, Exception(CANARY))


@router.post("/write")
def write(request: Request) -> Response:
    return see_other(request, "thing", thing_id=str(CLINIC), message="It is done.")


@router.post("/clinic-write")
async def clinic_write(request: Request) -> dict[str, bool]:
    await verify_clinic(request, CLINIC)
    return {"done": True}


@router.get("/peer")
def peer(request: Request) -> dict[str, str | None]:
    assert request.client is not None
    return {"host": request.client.host, "id": request.headers.get("x-request-id")}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A package's folder of templates."""
    folder = tmp_path / "things" / "templates"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text(PAGE)
    (folder / "form.html").write_text(FORM)
    return folder


@pytest.fixture
def app(templates: Path) -> FastAPI:
    """The application, with the rendering layer in it."""
    app = FastAPI(dependencies=[Depends(verify_csrf)])
    install(app, folders=[templates], secret=b"s" * 32, public_url="https://crm.example.com")
    app.include_router(router)
    app.include_router(router, prefix="/under")
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A browser of nobody: no cookies, no origin."""
    return TestClient(app, base_url="https://testserver", follow_redirects=False)


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    """A signed-in browser, which says where it comes from and brings the page's token."""
    client = TestClient(app, base_url="https://testserver", follow_redirects=False)
    client.cookies.set(SESSION_COOKIE, "a-login", domain="testserver.local")
    client.headers["Origin"] = "https://testserver"
    client.headers["X-CSRF-Token"] = app.state.web.csrf.token("a-login")
    return client


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """Everything that is logged, with the bound context."""
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as entries:
        yield entries
