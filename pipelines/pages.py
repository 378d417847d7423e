"""Pages of leads: the list by stage with its Move menu, and a lead with its timeline."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.roles import may
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, OptionalText
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render
from pipelines import actions, queries
from pipelines.models import Stage

router = APIRouter(include_in_schema=False)

LeadReader = Annotated[SignedIn, require("leads:read")]


class MoveForm(FormModel):
    """A move from the Move menu."""

    to_stage_id: UUID
    lost_reason_id: UUID | None = None
    reason: OptionalText = None
    version: int | None = None

    def move(self, lead_id: UUID) -> actions.Move:
        """Return what the form asks for."""
        return actions.Move(
            lead_id, self.to_stage_id, self.reason, self.lost_reason_id, self.version
        )


@router.get("/", name="pipelines:start", dependencies=[require("leads:read")])
def start(request: Request) -> Response:
    """Lead to the page where a working day starts."""
    return see_other(request, "pipelines:pipeline")


@router.get("/pipeline", name="pipelines:pipeline")
def pipeline(
    request: Request, uow: ClinicUow, login: LeadReader, pipeline: UUID | None = None
) -> Response:
    """Show a pipeline's leads by stage; the default pipeline where none is named."""
    every = queries.pipelines(uow)
    chosen = next((row for row in every if pipeline in (None, row.id)), None)
    if chosen is None and pipeline is not None:
        raise NotFound("pipeline not found")
    return render(
        request,
        "pipelines/pipeline.html",
        pipelines=every,
        chosen=chosen,
        columns=queries.columns(uow, chosen.id) if chosen else [],
        **_movable(uow, login),
    )


@router.get("/pipeline/stages/{stage_id}", name="pipelines:stage")
def stage(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    stage_id: UUID,
    after: UUID | None = None,
) -> Response:
    """Show the leads of one stage, a page at a time."""
    column = queries.column(uow, stage_id, after)
    stages = queries.stages(uow, column.stage.pipeline_id)
    return render(
        request, "pipelines/stage.html", column=column, stages=stages, **_movable(uow, login)
    )


def _movable(uow: UnitOfWork, login: SignedIn) -> dict[str, Any]:
    """Return what every page with leads and their Move menus shows."""
    return {
        "now": uow.now,
        "lost_reasons": queries.lost_reasons(uow),
        "may_move": may(login.role, "leads:move"),
    }


@router.post(
    "/leads/{lead_id}/move", name="pipelines:move_lead", dependencies=[require("leads:move")]
)
def move_lead(
    request: Request, uow: ClinicUow, lead_id: UUID, form: Annotated[MoveForm, Form()]
) -> Response:
    """Move a lead to another stage of its pipeline."""
    [moved] = actions.move_leads(uow, [form.move(lead_id)])
    name = uow.get(Stage, moved.stage_id).name
    return see_other(
        request, "pipelines:lead", lead_id=lead_id, message=_("Moved to %(stage)s.", stage=name)
    )
