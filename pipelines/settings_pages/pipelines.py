"""Settings of pipelines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, own_uow
from crm.core.uow import UnitOfWork
from crm.web.forms import BLANK_IS_NONE, FormModel, Rejected, shows_again
from crm.web.language import _
from crm.web.pages import see_other
from pipelines import queries, structure
from pipelines.models import Pipeline
from pipelines.settings_pages.parts import (
    Name,
    NameForm,
    Version,
    kind_names,
    render_form,
)

router = APIRouter()


Minutes = Annotated[Annotated[int, Field(ge=1, le=1440)] | None, BLANK_IS_NONE]


class PipelineForm(FormModel):
    """A pipeline's name, what it promises, and whether requests come into it that name no other."""

    name: Name
    is_default: Annotated[bool, BeforeValidator(lambda value: value == "yes")] = False
    reply_within_minutes: Minutes = None
    version: Version = 1


@router.get("/pipelines", name="pipelines:settings")
def pipelines(request: Request, uow: ClinicUow) -> Response:
    """Show the clinic's pipelines, and let one be added."""
    return _pipelines(request, uow)


def _pipelines(request: Request, uow: UnitOfWork, rejected: Rejected | None = None) -> Response:
    return render_form(
        request, "pipelines.html", rejected, {"name": ""}, pipelines=queries.pipelines(uow)
    )


def _pipelines_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _pipelines(request, uow, rejected)


@router.post(
    "/pipelines", name="pipelines:add_pipeline", dependencies=[shows_again(_pipelines_again)]
)
def add_pipeline(request: Request, uow: ClinicUow, form: Annotated[NameForm, Form()]) -> Response:
    """Add a pipeline with the usual stages."""
    made = structure.start_pipeline(uow, form.name)
    message = _("The pipeline is added. Change its stages as you like.")
    return see_other(request, "pipelines:pipeline_settings", message=message, pipeline_id=made.id)


@router.get("/pipelines/{pipeline_id}", name="pipelines:pipeline_settings")
def pipeline(request: Request, uow: ClinicUow, pipeline_id: UUID) -> Response:
    """Show a pipeline with its stages in their order."""
    return _pipeline(request, uow, pipeline_id)


def _pipeline(
    request: Request, uow: UnitOfWork, pipeline_id: UUID, rejected: Rejected | None = None
) -> Response:
    row = uow.get(Pipeline, pipeline_id)
    stored = {
        "name": row.name,
        "is_default": "yes" if row.is_default else "",
        "reply_within_minutes": str(row.reply_within_minutes or ""),
    }
    stages = queries.stages_with_leads(uow, pipeline_id)
    entry = next((stage.id for stage, _leads in stages if stage.kind == "open"), None)
    return render_form(
        *(request, "pipeline_settings.html", rejected, stored),
        pipeline=row,
        stages=stages,
        entry=entry,
        kinds=kind_names(),
    )


def _pipeline_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _pipeline(request, uow, UUID(request.path_params["pipeline_id"]), rejected)


@router.post(
    "/pipelines/{pipeline_id}",
    name="pipelines:save_pipeline",
    dependencies=[shows_again(_pipeline_again)],
)
def save_pipeline(
    request: Request, uow: ClinicUow, pipeline_id: UUID, form: Annotated[PipelineForm, Form()]
) -> Response:
    """Change a pipeline's name and promise, or make it the one that requests come into."""
    structure.edit_pipeline(uow, pipeline_id, **form.model_dump())
    message = _("The pipeline is saved.")
    return see_other(
        request, "pipelines:pipeline_settings", message=message, pipeline_id=pipeline_id
    )
