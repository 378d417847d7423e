"""A lead's details, edited where they stand."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.web.forms import FormModel, OptionalId, Rejected, ShortText, shows_again
from crm.web.language import _
from pipelines.lead.details import NAMES, Change, Detail, change_detail
from pipelines.lead.pages.parts import Done, Part, View, again, answer, show_parts

router = APIRouter(include_in_schema=False)

Writer = Annotated[SignedIn, require("leads:write")]


class DetailForm(FormModel):
    """A detail as typed, and the version that was seen."""

    value: ShortText = ""
    version: int | None = None
    address_id: OptionalId = None


def _show_again(request: Request, rejected: Rejected) -> Response:
    editing = cast(Detail, request.path_params["detail"])
    view = View(editing=editing, address_id=rejected.id("address_id"), rejected=rejected)
    return again(request, rejected, ["details"], view)


@router.get("/leads/{lead_id}/details", name="pipelines:details")
def details(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    edit: Detail | None = None,
    address_id: UUID | None = None,
) -> Response:
    """Show the details, one of them open for editing."""
    view = View(editing=edit, address_id=address_id)
    return show_parts(request, uow, login, lead_id, ("details",), view)


@router.post(
    "/leads/{lead_id}/details/{detail}",
    name="pipelines:change_detail",
    dependencies=[shows_again(_show_again)],
)
def change(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    detail: Detail,
    form: Annotated[DetailForm, Form()],
) -> Response:
    """Change one detail; whoever saw an older version is told, and keeps what he typed."""
    change_detail(uow, lead_id, Change(detail, form.value, form.version, form.address_id))
    message = _("%(detail)s saved.", detail=_(NAMES[detail]))
    parts: tuple[Part, ...] = ("details", "head", "timeline", "consent")
    if detail in ("name", "phone", "language", "service"):
        # What is being written is a draft on the server, and comes back with it.
        parts = (*parts, "composer")
    return answer(request, uow, login, lead_id, Done(message, parts))
