"""A page of every macro in both themes, to look at and to test; only where a demo runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from crm.web.frame import frame_of
from crm.web.language import _
from crm.web.templating import render
from crm.web.timeline import Entry

router = APIRouter(include_in_schema=False)


@router.get("/gallery", name="web:gallery")
def gallery(request: Request) -> Response:
    """Show every part that pages are made of, light and dark."""
    request.state.frame = replace(frame_of(request), theme="light")
    said = _("Your request has arrived")
    entries = [
        Entry(_("Text"), said, "text", "in"),
        Entry(_("Text"), said, "robot", "out", _("Held"), "yellow", why=_("Never"), look="waiting"),
        Entry(_("Text"), said, "robot", "out", _("Failed"), "red", look="lost"),
        Entry(_("Text"), said, "robot", "out", _("Opted out"), "red", look="unsaid"),
        Entry(_("Stages"), "", "move", tone="blue"),
    ]
    now = datetime(2027, 2, 2, 15, tzinfo=UTC)
    dues = [now + timedelta(seconds=left) for left in (-396, 60, 1340)]
    return render(request, "gallery.html", entries=entries, now=now, dues=dues)
