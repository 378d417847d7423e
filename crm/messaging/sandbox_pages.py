"""`/sandbox`: the patients' phones and mailboxes, to read and to answer; in the demo only."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from crm.accounts.deps import ClinicUow, SignedIn, get_runtime, require
from crm.core.errors import NotFound
from crm.core.principal import PATIENT
from crm.core.runtime import Runtime
from crm.messaging import sandbox, sandbox_mail
from crm.web.forms import CleanText, FormModel, ShortText
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render

EMAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'"
)
"""What an email's own page may do: show itself, within one of ours, and open its links (SEC-11)."""

OPENS_APART = '<base target="_blank">'
"""Lets its links open in a tab of their own: no page of ours is shown within an email."""

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
    """Show the phones and mailboxes, the ones with the latest text and email first."""
    return render(
        request,
        "messaging/sandbox.html",
        now=uow.now,
        phones=sandbox.phones(uow),
        mailboxes=sandbox_mail.mailboxes(uow),
        new_key=lambda: str(uuid4()),
    )


@router.get("/emails/{email_id}", name="sandbox:email", dependencies=[require("sandbox:use")])
def email(uow: ClinicUow, email_id: UUID) -> Response:
    """Show an email by itself: a page that runs and loads nothing, and whose links open apart."""
    html = sandbox_mail.html_of(uow, email_id).replace("<head>", f"<head>{OPENS_APART}", 1)
    return HTMLResponse(html, headers={"Content-Security-Policy": EMAIL_POLICY})


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
