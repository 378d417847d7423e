"""The search: people, pages and actions, in a dialog or on a page; and the map of the keys.

What is typed may be a patient's name or phone, so it travels in the body of a POST and stands in
no address, where proxies, browsers and histories would keep it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import StringConstraints
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.roles import may
from crm.contacts.names import fold
from crm.web.forms import FormModel
from crm.web.frame import frame_of
from crm.web.htmx import is_htmx
from crm.web.language import _
from crm.web.paths import path_of
from crm.web.templating import render, render_block
from pipelines.search.queries import FoundLead, find_leads

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, require("leads:read")]


class SearchForm(FormModel):
    """What somebody looks for."""

    q: Annotated[str, StringConstraints(max_length=200)] = ""


@dataclass(frozen=True)
class Place:
    """A page, or an action that opens over the page one is on; `keys` lead there as well."""

    label: str
    href: str
    icon: str
    is_sheet: bool = False
    keys: str = ""


@router.get("/search", name="search:page")
def show_search(request: Request, login: Reader) -> Response:
    """Show the search with nothing typed: every page and action."""
    return _results(request, "", [], places(request, login.role))


@router.post("/search", name="search:find")
def find(
    request: Request, uow: ClinicUow, login: Reader, form: Annotated[SearchForm, Form()]
) -> Response:
    """Find leads, pages and actions."""
    wanted = fold(form.q)
    found = [place for place in places(request, login.role) if _is_meant(place, wanted)]
    return _results(request, form.q, find_leads(uow, form.q), found)


def _results(
    request: Request, typed: str, leads: Sequence[FoundLead], places: Sequence[Place]
) -> Response:
    context: dict[str, Any] = {"typed": typed, "leads": leads, "places": places}
    if is_htmx(request):
        return render_block(request, "pipelines/search.html", "results", **context)
    return render(request, "pipelines/search.html", **context)


def _is_meant(place: Place, wanted: Sequence[str]) -> bool:
    words = fold(place.label)
    return all(any(word.startswith(part) for word in words) for part in wanted)


def places(request: Request, role: str) -> list[Place]:
    """Return the actions and pages that a role has."""
    path = partial(path_of, request)
    actions = [
        ("leads:write", Place(_("New lead"), path("intake:new_lead"), "add", True, "n")),
        ("tasks:write", Place(_("New task"), path("tasks:new"), "tasks", True)),
        ("leads:read", Place(_("Notifications"), path("notices:list"), "bell")),
        ("leads:read", Place(_("Keyboard shortcuts"), path("search:keys"), "help", True, "?")),
    ]
    pages = [Place(item.label, item.href, item.icon) for item in frame_of(request).nav]
    return [*(place for capability, place in actions if may(role, capability)), *pages]


@router.get("/help/keys", name="search:keys", dependencies=[require("leads:read")])
def show_keys(request: Request) -> Response:
    """Show which keys do what."""
    if is_htmx(request):
        return render_block(request, "pipelines/keys.html", "sheet")
    return render(request, "pipelines/keys.html")
