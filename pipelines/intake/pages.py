"""The page of a lead that the front desk writes down: a walk-in, or somebody on the phone."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, own_uow, require
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.web.forms import OptionalId, Rejected, shows_again
from crm.web.htmx import is_htmx, lead_to
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render, render_block
from pipelines.intake.by_hand import (
    CAME,
    NewLeadForm,
    consent_texts,
    fingerprint,
    pipelines_offered,
    services_offered,
    take_down,
)

router = APIRouter(include_in_schema=False)

LANGUAGE_NAMES = (("en", "English"), ("es", "Español"))
ASKED = NewLeadForm.model_fields.keys() - {"key", "words_shown"}
"""The fields that a person sees, where what is wrong with them is told."""

Writer = Annotated[SignedIn, require("leads:write")]


@router.get("/leads/new", name="intake:new_lead")
def new_lead(
    request: Request, uow: ClinicUow, login: Writer, pipeline: OptionalId = None
) -> Response:
    """Show the form of a new lead; `pipeline` is the one whose board it was asked for on."""
    language = login.recognised.clinic.language
    values = {"key": new_id(), "came": "walk_in", "language": language, "pipeline": pipeline}
    return _form(request, uow, values)


def _show_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _form(request, uow, rejected.values, rejected)


@router.post("/leads", name="intake:add_lead", dependencies=[shows_again(_show_again)])
def add_lead(
    request: Request, uow: ClinicUow, login: Writer, form: Annotated[NewLeadForm, Form()]
) -> Response:
    """Take a request down and show its lead: a new one, or the open one of a known patient."""
    accepted = take_down(uow, form, login.recognised.clinic, login.user_id)
    message = _("The lead is saved.")
    response = see_other(request, "pipelines:lead", lead_id=accepted.lead_id, message=message)
    return lead_to(request, response)


def _form(
    request: Request,
    uow: UnitOfWork,
    values: Mapping[str, Any],
    rejected: Rejected | None = None,
) -> Response:
    texts = consent_texts(request.state.recognised.clinic)
    shown = fingerprint(texts)
    context = {
        "now": uow.now,
        "values": values,
        "came": [(value, _(label)) for value, label in CAME.items()],
        "services": [(name, name) for name in services_offered(uow)],
        "pipelines": pipelines_offered(uow),
        "languages": LANGUAGE_NAMES,
        "texts": texts,
        "words_shown": shown,
        # A tick belongs to the words beside it: it is kept only with the very same ones.
        "ticked": [
            code
            for code in texts
            if values.get(f"sms_care_{code}")
            and values.get("language") == code
            and values.get("words_shown") == shown
        ],
        "errors": rejected.errors if rejected else {},
        "problem": rejected.problem if rejected else None,
        "is_elsewhere": rejected is not None and not rejected.errors.keys() & ASKED,
    }
    status = rejected.problem.status if rejected else 200
    if is_htmx(request):
        return render_block(request, "pipelines/new_lead.html", "sheet", status, **context)
    return render(request, "pipelines/new_lead.html", status, **context)
