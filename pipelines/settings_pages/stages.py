"""Settings of the stages of a pipeline."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, own_uow
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.forms import BLANK_IS_NONE, FormModel, Rejected, shows_again
from crm.web.language import _
from pipelines import structure
from pipelines.models import Pipeline, StageKind
from pipelines.settings_pages.parts import (
    Name,
    PlaceForm,
    Version,
    kinds,
    render_form,
    see_pipeline,
)

router = APIRouter()


class StageForm(FormModel):
    """A stage; a new one has no version."""

    name: Name
    kind: StageKind = "open"
    stale_after_days: Annotated[Annotated[int, Field(ge=1, le=365)] | None, BLANK_IS_NONE] = None
    version: Version = 1

    def words(self) -> structure.StageWords:
        """Return what the form asks for."""
        return structure.StageWords(self.name, self.kind, self.stale_after_days)


@router.get("/pipelines/{pipeline_id}/stages/new", name="pipelines:new_stage")
def new_stage(request: Request, uow: ClinicUow, pipeline_id: UUID) -> Response:
    """Ask for a stage's name and kind."""
    return _new_stage(request, uow, pipeline_id)


def _new_stage(
    request: Request, uow: UnitOfWork, pipeline_id: UUID, rejected: Rejected | None = None
) -> Response:
    stored = {"name": "", "kind": "open", "stale_after_days": "7"}
    row = uow.get(Pipeline, pipeline_id)
    return render_form(
        *(request, "stage_settings.html", rejected, stored), pipeline=row, stage=None, kinds=kinds()
    )


def _new_stage_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _new_stage(request, uow, UUID(request.path_params["pipeline_id"]), rejected)


@router.post(
    "/pipelines/{pipeline_id}/stages",
    name="pipelines:add_stage",
    dependencies=[shows_again(_new_stage_again)],
)
def add_stage(
    request: Request, uow: ClinicUow, pipeline_id: UUID, form: Annotated[StageForm, Form()]
) -> Response:
    """Add a stage at the end of a pipeline."""
    structure.add_stage(uow, pipeline_id, form.words())
    return see_pipeline(request, pipeline_id, _("The stage is added."))


@router.get("/stages/{stage_id}", name="pipelines:stage_settings")
def stage(request: Request, uow: ClinicUow, stage_id: UUID) -> Response:
    """Show a stage to be changed or removed."""
    return _stage(request, uow, stage_id)


def _stage(
    request: Request, uow: UnitOfWork, stage_id: UUID, rejected: Rejected | None = None
) -> Response:
    row = structure.stage_here(uow, stage_id)
    stored = {
        "name": row.name,
        "kind": row.kind,
        "stale_after_days": str(row.stale_after_days or ""),
    }
    return render_form(
        *(request, "stage_settings.html", rejected, stored),
        pipeline=uow.get(Pipeline, row.pipeline_id),
        stage=row,
        kinds=kinds(),
    )


def _stage_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _stage(request, uow, UUID(request.path_params["stage_id"]), rejected)


@router.post(
    "/stages/{stage_id}", name="pipelines:save_stage", dependencies=[shows_again(_stage_again)]
)
def save_stage(
    request: Request, uow: ClinicUow, stage_id: UUID, form: Annotated[StageForm, Form()]
) -> Response:
    """Change a stage."""
    saved = structure.edit_stage(uow, stage_id, form.version, form.words())
    return see_pipeline(request, saved.pipeline_id, _("The stage is saved."))


@router.post("/stages/{stage_id}/place", name="pipelines:place_stage")
def place_stage(
    request: Request, uow: ClinicUow, stage_id: UUID, form: Annotated[PlaceForm, Form()]
) -> Response:
    """Put a stage at a place."""
    placed = structure.place_stage(uow, stage_id, form.place)
    return see_pipeline(request, placed.pipeline_id)


@router.post(
    "/stages/{stage_id}/remove",
    name="pipelines:remove_stage",
    dependencies=[shows_again(_stage_again)],
)
def remove_stage(request: Request, uow: ClinicUow, stage_id: UUID) -> Response:
    """Remove a stage that nobody needs."""
    runtime: Runtime = request.app.state.runtime
    removed = structure.remove_stage(uow, stage_id, runtime.stage_uses)
    return see_pipeline(request, removed.pipeline_id, _("The stage is removed."))
