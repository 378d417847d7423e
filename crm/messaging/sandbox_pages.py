"""`/sandbox`: the patients' phones, to read what was sent and to answer; in the demo only."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, get_runtime, require
from crm.core.errors import NotFound
from crm.core.principal import PATIENT
from crm.core.runtime import Runtime
from crm.messaging import sandbox
from crm.web.forms import CleanText, FormModel, ShortText
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render

AnyRuntime = Annotated[Runtime, Depends(get_runtime)]


def in_demo(runtime: AnyRuntime) -> None:
    """Let requests through in the demo only. Raises NotFound."""
    if not runtime.settings.is_demo:
        raise NotFound("the sandbox is not there")


router = APIRouter(prefix="/sandbox", include_in_schema=False, dependencies=[Depends(in_demo)])


class AnswerForm(FormModel):
    """What a patient texts back; `key` makes a form that is sent twice one text."""

    body: Annotated[CleanText, Field(min_length=1, max_length=1600)]
    key: Annotated[ShortText, Field(min_length=1)]


@router.get("", name="sandbox:phones", dependencies=[require("sandbox:use")])
def phones(request: Request, uow: ClinicUow) -> Response:
    """Show the phones, the one with the latest text first."""
    return render(
        request,
        "messaging/sandbox.html",
        now=uow.now,
        phones=sandbox.phones(uow),
        new_key=lambda: str(uuid4()),
    )


@router.post("/{address_id}/answer", name="sandbox:answer")
def answer(
    request: Request,
    runtime: AnyRuntime,
    login: Annotated[SignedIn, require("sandbox:use")],
    address_id: UUID,
    form: Annotated[AnswerForm, Form()],
) -> Response:
    """Text the clinic as the patient; the patient did it, whoever sits at the screen."""
    with runtime.database.transaction(login.clinic_id, PATIENT) as uow:
        sandbox.answer(uow, address_id, form.body, form.key)
    return see_other(request, "sandbox:phones", message=_("The patient's text was sent."))
