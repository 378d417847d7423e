"""A lead's page, its timeline by itself, and its parts as they are now."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.web.templating import render
from pipelines.lead.details import Detail
from pipelines.lead.pages.parts import Part, Tab, View, context, panels_of, show_parts

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, require("leads:read")]

LIVE: tuple[Part, ...] = ("head", "here", "timeline", "consent", "tags")
"""What is read anew when something happened to the lead; what is typed into stays as it is."""


@router.get("/leads/{lead_id}", name="pipelines:lead")
def lead(
    request: Request,
    uow: ClinicUow,
    login: Reader,
    lead_id: UUID,
    kind: Tab = "all",
    before: UUID | None = None,
    edit: Detail | None = None,
    address_id: UUID | None = None,
) -> Response:
    """Show a lead: where it stands, what waits to be sent and why, and its timeline.

    Who may not read messages sees that texts went to and fro, and not what they say.
    """
    view = View(tab=kind, before=before, editing=edit, address_id=address_id)
    told = context(request, uow, login, lead_id, view)
    return render(request, "pipelines/lead.html", panels=panels_of(request, uow, lead_id), **told)


@router.get("/leads/{lead_id}/timeline", name="pipelines:timeline")
def timeline(
    request: Request,
    uow: ClinicUow,
    login: Reader,
    lead_id: UUID,
    kind: Tab = "all",
    before: UUID | None = None,
) -> Response:
    """Show a tab of the timeline, or what goes on below its last entry."""
    told = context(request, uow, login, lead_id, View(tab=kind, before=before))
    name = "_timeline.html" if before is None else "_older.html"
    return render(request, f"pipelines/lead/{name}", is_swapped=False, **told)


@router.get("/leads/{lead_id}/fresh", name="pipelines:fresh")
def fresh(
    request: Request,
    uow: ClinicUow,
    login: Reader,
    lead_id: UUID,
    kind: Tab = "all",
    since: UUID | None = None,
) -> Response:
    """Show the parts of an open page as they are now, its timeline from an entry on."""
    return show_parts(request, uow, login, lead_id, LIVE, View(tab=kind, since=since))
