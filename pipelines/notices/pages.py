"""Pages of notices: what is new, and how much of it is unread."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.core.uow import UnitOfWork
from crm.web.htmx import is_htmx
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render, render_block
from pipelines.notices import queries
from pipelines.notices.actions import mark_seen
from pipelines.notices.queries import Kind

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, require("leads:read")]

WORDS: Mapping[Kind, tuple[str, str]] = {
    "request": ("request", N_("New request")),
    "requested_again": ("request", N_("Asked again")),
    "reply": ("text", N_("Replied by text")),
    "opted_out": ("stop", N_("Opted out of texts")),
    "task": ("tasks", N_("Task for you")),
    "told": ("robot", N_("From a sequence")),
}
"""The icon and the words of each kind."""


@router.get("/notices", name="notices:list")
def list_notices(request: Request, uow: ClinicUow, login: Reader) -> Response:
    """Show what is new, and leave it unread."""
    return _list(request, uow, login)


@router.post("/notices/seen", name="notices:seen")
def see_notices(request: Request, uow: ClinicUow, login: Reader) -> Response:
    """Mark everything as read; a script gets the list as it was before, to show what is new."""
    response = _list(request, uow, login)
    mark_seen(uow, login.user_id)
    return response if is_htmx(request) else see_other(request, "notices:list")


def _list(request: Request, uow: UnitOfWork, login: SignedIn) -> Response:
    context: dict[str, Any] = {
        "now": uow.now,
        "notices": [
            (notice, WORDS[notice.kind][0], _(WORDS[notice.kind][1]))
            for notice in queries.notices(uow, login.user_id)
        ],
    }
    if is_htmx(request):
        return render_block(request, "pipelines/notices.html", "notices", **context)
    return render(request, "pipelines/notices.html", **context)


@router.get("/counts", name="notices:counts", dependencies=[require("leads:read")])
def counts(request: Request) -> Response:
    """Show the numbers of the frame anew, each in its place."""
    return render(request, "pipelines/_counts.html")
