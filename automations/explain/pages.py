"""Pages that explain: why a text was written, and what each sequence did for a lead."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from automations.explain.why import why
from automations.explain.why_not import why_not
from crm.accounts.deps import ClinicUow, get_runtime, require
from crm.web import timeline
from crm.web.htmx import is_htmx
from crm.web.templating import render, render_block
from pipelines.sources import source_name

router = APIRouter(include_in_schema=False)


@router.get(
    "/texts/{communication_id}/why", name="automations:why", dependencies=[require("leads:read")]
)
def show_why(request: Request, uow: ClinicUow, communication_id: UUID) -> Response:
    """Show everything that led to a text; what it says is not among that."""
    explained = why(uow, communication_id)
    runtime = get_runtime(request)
    moments = timeline.fill(uow, explained.events, runtime.timeline, runtime.authors)
    return _sheet(
        request,
        "automations/why.html",
        now=uow.now,
        why=explained,
        moments=moments,
        source_name=source_name,
    )


@router.get(
    "/leads/{lead_id}/sequences", name="automations:why_not", dependencies=[require("leads:read")]
)
def show_why_not(request: Request, uow: ClinicUow, lead_id: UUID) -> Response:
    """Show what each sequence of the clinic did for a lead, or why it did nothing."""
    return _sheet(
        request,
        "automations/why_not.html",
        now=uow.now,
        lead_id=lead_id,
        answers=why_not(uow, lead_id),
    )


def _sheet(request: Request, template: str, **context: Any) -> Response:
    """Return a page, or what a window over another page shows of it."""
    if is_htmx(request):
        return render_block(request, template, "sheet", **context)
    return render(request, template, **context)
