"""Pages of leads: the list by stage with its Move menu, and a lead with its timeline."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.roles import may
from crm.compliance.timeline import opt_outs
from crm.core.errors import NotFound
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import opt_out_told_staff
from crm.messaging.actions.opting_out import AskedBy
from crm.messaging.queries import uncertain_texts, waiting_texts
from crm.web import timeline as shown
from crm.web.forms import FormModel, OptionalText
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render
from pipelines import actions, queries, timeline
from pipelines.models import Lead, Stage

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


class OptOutForm(FormModel):
    """That a patient asked somebody of the clinic to stop texts to a phone, and how."""

    address_id: UUID
    asked_by: AskedBy
    words: OptionalText = None


ASKED_BY: Mapping[AskedBy, str] = {
    "phone": N_("On the phone"),
    "in_person": N_("In person"),
    "voicemail": N_("By voicemail"),
    "email": N_("By email"),
}


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


@router.get("/leads/{lead_id}", name="pipelines:lead")
def lead(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    lead_id: UUID,
    before: UUID | None = None,
) -> Response:
    """Show a lead: where it stands, what waits to be sent and why, and its timeline.

    Who may not read messages sees that texts went to and fro, and not what they say.
    """
    runtime: Runtime = request.app.state.runtime
    row = uow.get(Lead, lead_id)
    person = queries.person(uow, row.contact_id)
    events = timeline.events_of(uow, person.ids, before)
    moments = shown.fill(uow, events, runtime.timeline, runtime.authors)
    if not may(login.role, "messages:read"):
        moments = shown.without_words(moments)
    return render(
        request,
        "pipelines/lead.html",
        lead=row,
        person=person,
        stage=uow.get(Stage, row.stage_id),
        stages=queries.stages(uow, row.pipeline_id),
        moments=moments,
        older=events[-1].id if len(events) == timeline.PAGE else None,
        waiting=waiting_texts(uow, lead_id),
        uncertain_texts=uncertain_texts(uow, lead_id) if may(login.role, "messages:send") else [],
        opt_outs=opt_outs(uow, [address.id for address in person.addresses]),
        panels=_panels(request, uow, lead_id),
        asked_by=[(value, _(label)) for value, label in ASKED_BY.items()],
        may_opt_out=may(login.role, "leads:write"),
        may_retry=may(login.role, "ops:retry"),
        **_movable(uow, login),
    )


def _movable(uow: UnitOfWork, login: SignedIn) -> dict[str, Any]:
    """Return what every page with leads and their Move menus shows."""
    return {
        "now": uow.now,
        "lost_reasons": queries.lost_reasons(uow),
        "may_move": may(login.role, "leads:move"),
    }


def _panels(request: Request, uow: UnitOfWork, lead_id: UUID) -> list[str]:
    """Return what higher packages show on a lead's page, each as rendered by its own template."""
    runtime: Runtime = request.app.state.runtime
    return [panel(request, uow, lead_id) for panel in runtime.lead_panels]


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


@router.post(
    "/leads/{lead_id}/opt-out", name="pipelines:opt_out", dependencies=[require("leads:write")]
)
def opt_out(
    request: Request, uow: ClinicUow, lead_id: UUID, form: Annotated[OptOutForm, Form()]
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
    return see_other(request, "pipelines:lead", lead_id=lead_id, message=message)
