"""Moving leads by hand: the menu of where to, the move, and taking it back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.web.forms import FormModel, OptionalText
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render
from pipelines import queries
from pipelines.actions import Move, move_leads, undo_move
from pipelines.board.pages import Filtered, around, render_changes
from pipelines.models import Lead, Stage

router = APIRouter(include_in_schema=False)

LeadMover = Annotated[SignedIn, require("leads:move")]


class MoveForm(FormModel):
    """A move to a stage, there above a lead, below one, or on top."""

    to_stage_id: UUID
    before_id: UUID | None = None
    after_id: UUID | None = None
    lost_reason_id: UUID | None = None
    reason: OptionalText = None
    version: int | None = None

    def move(self, lead_id: UUID) -> Move:
        """Return what the form asks for."""
        return Move(lead_id, **self.model_dump())


class UndoForm(FormModel):
    """Which version of the lead its last move made."""

    version: int


@router.get("/leads/{lead_id}/move", name="pipelines:move_menu")
def move_menu(
    request: Request, uow: ClinicUow, login: LeadMover, filters: Filtered, lead_id: UUID
) -> Response:
    """Show where a lead can be moved; a part of the board's page for its scripts."""
    lead = uow.get(Lead, lead_id)
    return render(
        request,
        "pipelines/_move_menu.html" if is_htmx(request) else "pipelines/move.html",
        lead=lead,
        person=queries.whose(uow, lead),
        stages=queries.stages(uow, lead.pipeline_id),
        lost_reasons=queries.lost_reasons(uow),
        **around(uow, login, filters),
    )


@router.post("/leads/{lead_id}/move", name="pipelines:move_lead")
def move_lead(
    request: Request,
    uow: ClinicUow,
    login: LeadMover,
    filters: Filtered,
    lead_id: UUID,
    form: Annotated[MoveForm, Form()],
) -> Response:
    """Move a lead to another stage of its pipeline, or to another place in its own."""
    before = uow.get(Lead, lead_id).stage_id
    [lead] = move_leads(uow, [form.move(lead_id)])
    message = _("Moved to %(stage)s.", stage=uow.get(Stage, lead.stage_id).name)
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=lead_id, message=message)
    response = render_changes(request, uow, login, filters, lead.pipeline_id, [lead_id])
    if lead.stage_id == before:
        return response
    url = f"{path_of(request, 'pipelines:undo_move', lead_id=lead_id)}?{filters.query}"
    return toast(response, message, undo=Undo(url, {"version": lead.version}))


@router.post("/leads/{lead_id}/move/undo", name="pipelines:undo_move")
def undo_last_move(
    request: Request,
    uow: ClinicUow,
    login: LeadMover,
    filters: Filtered,
    lead_id: UUID,
    form: Annotated[UndoForm, Form()],
) -> Response:
    """Take back a lead's last move, if nothing else happened to it since."""
    lead = undo_move(uow, lead_id, form.version)
    message = _("Back in %(stage)s.", stage=uow.get(Stage, lead.stage_id).name)
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=lead_id, message=message)
    response = render_changes(request, uow, login, filters, lead.pipeline_id, [lead_id])
    return toast(response, message)
