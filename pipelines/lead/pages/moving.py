"""Moves of a lead on its own page, and the way back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.web.forms import FormModel, OptionalId, Rejected, shows_again
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from pipelines.actions import Move, move_leads, undo_move
from pipelines.board.move_pages import UndoForm
from pipelines.lead.pages.parts import Done, Part, View, again, answer
from pipelines.models import Stage

router = APIRouter(include_in_schema=False)

Mover = Annotated[SignedIn, require("leads:move")]

CHANGED: tuple[Part, ...] = ("head", "timeline", "details")


class StageForm(FormModel):
    """The stage to move to, and which version of the lead the page shows."""

    to_stage_id: UUID
    lost_reason_id: OptionalId = None
    version: int


def _as_it_is_now(request: Request, rejected: Rejected) -> Response:
    """Show where the lead stands, and say why it was not moved."""
    told = ". ".join(part.rstrip(".") for part in rejected.problem.sentences) + "."
    if not is_htmx(request):
        lead_id = request.path_params["lead_id"]
        return see_other(request, "pipelines:lead", lead_id=lead_id, message=told, tone="bad")
    return toast(again(request, rejected, CHANGED, View()), told, tone="bad")


@router.post(
    "/leads/{lead_id}/stage", name="pipelines:set_stage", dependencies=[shows_again(_as_it_is_now)]
)
def set_stage(
    request: Request,
    uow: ClinicUow,
    login: Mover,
    lead_id: UUID,
    form: Annotated[StageForm, Form()],
) -> Response:
    """Move a lead to another stage of its pipeline."""
    [lead] = move_leads(uow, [Move(lead_id, **form.model_dump())])
    message = _("Moved to %(stage)s.", stage=uow.get(Stage, lead.stage_id).name)
    path = path_of(request, "pipelines:unset_stage", lead_id=lead_id)
    done = Done(message, CHANGED, Undo(path, {"version": lead.version}))
    return answer(request, uow, login, lead_id, done)


@router.post(
    "/leads/{lead_id}/stage/undo",
    name="pipelines:unset_stage",
    dependencies=[shows_again(_as_it_is_now)],
)
def unset_stage(
    request: Request,
    uow: ClinicUow,
    login: Mover,
    lead_id: UUID,
    form: Annotated[UndoForm, Form()],
) -> Response:
    """Take back a lead's last move, if nothing else happened to it since."""
    lead = undo_move(uow, lead_id, form.version)
    message = _("Back in %(stage)s.", stage=uow.get(Stage, lead.stage_id).name)
    return answer(request, uow, login, lead_id, Done(message, CHANGED))
