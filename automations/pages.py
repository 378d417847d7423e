"""Pages of sequences: their list, pausing and resuming one, and those of a lead."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import Response

from automations import by_hand, queries, sequences
from automations.enrollments import end_by_hand
from automations.models import Enrollment
from automations.passages import passages_of
from crm.accounts.deps import ClinicUow, require
from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render, render_block
from pipelines.models import Lead

router = APIRouter(include_in_schema=False)

PANEL = "automations/enrollments.html"


@router.get("/sequences", name="automations:sequences", dependencies=[require("automations:read")])
def list_sequences(request: Request, uow: ClinicUow) -> Response:
    """Show the clinic's sequences: live or paused, and how many people are in each."""
    return render(
        request,
        "automations/sequences.html",
        now=uow.now,
        sequences=queries.sequences(uow),
        may_edit=_may(request, "automations:write"),
    )


@router.post(
    "/sequences/{automation_id}/pause",
    name="automations:pause",
    dependencies=[require("automations:write")],
)
def pause(request: Request, uow: ClinicUow, automation_id: UUID) -> Response:
    """Pause a sequence: nobody enters, who is in it stays, and its texts are held."""
    name = sequences.pause(uow, automation_id).name
    message = _("“%(name)s” is paused. Whoever is in it stays where they are.", name=name)
    return see_other(request, "automations:sequence", automation_id=automation_id, message=message)


@router.post(
    "/sequences/{automation_id}/resume",
    name="automations:resume",
    dependencies=[require("automations:write")],
)
def resume(request: Request, uow: ClinicUow, automation_id: UUID) -> Response:
    """Let a paused sequence go on."""
    name = sequences.resume(uow, automation_id).name
    message = _("“%(name)s” goes on within a few minutes.", name=name)
    return see_other(request, "automations:sequence", automation_id=automation_id, message=message)


@router.get(
    "/leads/{lead_id}/enrollments",
    name="automations:enrollments",
    dependencies=[require("leads:read")],
)
def enrollments(request: Request, uow: ClinicUow, lead_id: UUID) -> Response:
    """Show the panel of a lead's passages by itself, for a part of its page to be replaced."""
    return _panel(request, uow, uow.get(Lead, lead_id).id, is_swapped=is_htmx(request))


@router.post(
    "/enrollments/{enrollment_id}/end",
    name="automations:end_enrollment",
    dependencies=[require("leads:write")],
)
def end_enrollment(request: Request, uow: ClinicUow, enrollment_id: UUID) -> Response:
    """End a passage by hand; its texts that wait are not sent."""
    ended = end_by_hand(uow, enrollment_id)
    message = _("The sequence was ended. Its texts that were waiting are not sent.")
    return _changed(request, uow, ended, message)


class SeenForm(FormModel):
    """Where a passage stood when somebody saw it; `is_undo` takes a skip back."""

    occurrence: int
    is_undo: bool = False


@router.post(
    "/enrollments/{enrollment_id}/skip",
    name="automations:skip_step",
    dependencies=[require("leads:write")],
)
def skip_step(
    request: Request, uow: ClinicUow, enrollment_id: UUID, form: Annotated[SeenForm, Form()]
) -> Response:
    """Pass over the next step of a passage, or take that back."""
    if form.is_undo:
        passage = by_hand.undo_skip(uow, enrollment_id, form.occurrence)
        return _changed(request, uow, passage, _("The step will be taken after all."))
    passage = by_hand.skip_step(uow, enrollment_id, form.occurrence)
    path = path_of(request, "automations:skip_step", enrollment_id=enrollment_id)
    undo = Undo(path, {"occurrence": passage.occurrence, "is_undo": "true"})
    return _changed(request, uow, passage, _("The step is skipped."), undo)


@router.post(
    "/enrollments/{enrollment_id}/pause",
    name="automations:pause_enrollment",
    dependencies=[require("leads:write")],
)
def pause_enrollment(request: Request, uow: ClinicUow, enrollment_id: UUID) -> Response:
    """Let one passage rest where it is."""
    passage = by_hand.pause(uow, enrollment_id)
    return _changed(request, uow, passage, _("The sequence rests for this lead."))


@router.post(
    "/enrollments/{enrollment_id}/resume",
    name="automations:resume_enrollment",
    dependencies=[require("leads:write")],
)
def resume_enrollment(request: Request, uow: ClinicUow, enrollment_id: UUID) -> Response:
    """Let a passage that rests go on."""
    passage = by_hand.resume(uow, enrollment_id)
    return _changed(request, uow, passage, _("The sequence goes on for this lead."))


def _changed(
    request: Request,
    uow: UnitOfWork,
    passage: Enrollment,
    message: str,
    undo: Undo | None = None,
) -> Response:
    """Answer with the panel as it is now, or without scripts with the lead's page."""
    if passage.lead_id is None:
        return see_other(request, "automations:sequences", message=message)
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=passage.lead_id, message=message)
    response = _panel(request, uow, passage.lead_id, is_swapped=True)
    return toast(response, message, undo=undo)


def lead_panel(request: Request, uow: UnitOfWork, lead_id: UUID) -> str:
    """Return what a lead's page shows of its sequences."""
    return Markup(bytes(_panel(request, uow, lead_id).body).decode())


def _panel(
    request: Request, uow: UnitOfWork, lead_id: UUID, *, is_swapped: bool = False
) -> Response:
    return render_block(
        request,
        PANEL,
        "panel",
        now=uow.now,
        lead_id=lead_id,
        is_swapped=is_swapped,
        passages=passages_of(uow, lead_id),
        may_end=_may(request, "leads:write"),
    )


def _may(request: Request, capability: str) -> bool:
    """Return whether the signed-in user's role has a capability; `require` has let him in."""
    return may(request.state.recognised.membership.role, capability)
