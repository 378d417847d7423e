"""A lead's page, its timeline by itself, and its parts as they are now."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.core.errors import NotFound
from crm.messaging.actions import opt_out_told_staff
from crm.messaging.actions.opting_out import AskedBy
from crm.web.forms import FormModel, OptionalText
from crm.web.language import _
from crm.web.templating import render
from pipelines import queries
from pipelines.lead.details import Detail
from pipelines.lead.pages.parts import (
    Done,
    Part,
    Tab,
    View,
    answer,
    context,
    panels_of,
    show_parts,
)
from pipelines.models import Lead

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, require("leads:read")]
Writer = Annotated[SignedIn, require("leads:write")]

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


class OptOutForm(FormModel):
    """That a patient asked somebody of the clinic to stop texts to a phone, and how."""

    address_id: UUID
    asked_by: AskedBy
    words: OptionalText = None


@router.post("/leads/{lead_id}/opt-out", name="pipelines:opt_out")
def opt_out(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[OptOutForm, Form()],
) -> Response:
    """Write down that the patient asked the clinic to stop texts to one of the phones (LAW-4)."""
    person = queries.person(uow, uow.get(Lead, lead_id).contact_id)
    if form.address_id not in [each.id for each in person.addresses if each.kind == "phone"]:
        raise NotFound("phone not found")
    opt_out_told_staff(
        uow,
        form.address_id,
        contact_id=person.contact.id,
        asked_by=form.asked_by,
        words=form.words,
    )
    message = _("It is noted; no more texts leave for this number.")
    done = Done(message, ("composer", "consent", "timeline", "details"))
    return answer(request, uow, login, lead_id, done)
