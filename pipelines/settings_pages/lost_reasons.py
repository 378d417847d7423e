"""Settings of the reasons for a loss."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, own_uow
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, Rejected, shows_again
from crm.web.language import _
from crm.web.pages import see_other
from pipelines import queries, structure
from pipelines.models import LostReason
from pipelines.settings_pages.parts import Name, NameForm, PlaceForm, Version, render_form

router = APIRouter()


class ReasonForm(FormModel):
    """A reason's name."""

    name: Name
    version: Version = 1


@router.get("/lost-reasons", name="pipelines:lost_reasons")
def lost_reasons(request: Request, uow: ClinicUow) -> Response:
    """Show why leads may be lost, and let a reason be added."""
    return _reasons(request, uow)


def _reasons(request: Request, uow: UnitOfWork, rejected: Rejected | None = None) -> Response:
    return render_form(
        request, "lost_reasons.html", rejected, {"name": ""}, reasons=queries.lost_reasons(uow)
    )


def _reasons_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _reasons(request, uow, rejected)


@router.post(
    "/lost-reasons", name="pipelines:add_lost_reason", dependencies=[shows_again(_reasons_again)]
)
def add_lost_reason(
    request: Request, uow: ClinicUow, form: Annotated[NameForm, Form()]
) -> Response:
    """Add a reason."""
    structure.add_lost_reason(uow, form.name)
    return see_other(request, "pipelines:lost_reasons", message=_("The reason is added."))


@router.get("/lost-reasons/{reason_id}", name="pipelines:lost_reason")
def lost_reason(request: Request, uow: ClinicUow, reason_id: UUID) -> Response:
    """Show a reason to be renamed or removed."""
    return _reason(request, uow, reason_id)


def _reason(
    request: Request, uow: UnitOfWork, reason_id: UUID, rejected: Rejected | None = None
) -> Response:
    row = uow.get(LostReason, reason_id)
    return render_form(request, "lost_reason.html", rejected, {"name": row.name}, reason=row)


def _reason_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _reason(request, uow, UUID(request.path_params["reason_id"]), rejected)


@router.post(
    "/lost-reasons/{reason_id}",
    name="pipelines:save_lost_reason",
    dependencies=[shows_again(_reason_again)],
)
def save_lost_reason(
    request: Request, uow: ClinicUow, reason_id: UUID, form: Annotated[ReasonForm, Form()]
) -> Response:
    """Rename a reason."""
    structure.rename_lost_reason(uow, reason_id, form.version, form.name)
    return see_other(request, "pipelines:lost_reasons", message=_("The reason is saved."))


@router.post("/lost-reasons/{reason_id}/place", name="pipelines:place_lost_reason")
def place_lost_reason(
    request: Request, uow: ClinicUow, reason_id: UUID, form: Annotated[PlaceForm, Form()]
) -> Response:
    """Put a reason at a place."""
    structure.place_lost_reason(uow, reason_id, form.place)
    return see_other(request, "pipelines:lost_reasons")


@router.post(
    "/lost-reasons/{reason_id}/remove",
    name="pipelines:remove_lost_reason",
    dependencies=[shows_again(_reason_again)],
)
def remove_lost_reason(request: Request, uow: ClinicUow, reason_id: UUID) -> Response:
    """Offer a reason no more."""
    structure.remove_lost_reason(uow, reason_id)
    return see_other(request, "pipelines:lost_reasons", message=_("The reason is removed."))
