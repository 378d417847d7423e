"""`/u/{token}`: where an email's reader ends emails, and chooses which he gets.

Looking changes nothing, since programs look at every link of an email; only a POST acts, also one
that a mail program sends by itself, without a cookie or a page before it (SG-19, RFC 8058).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.accounts.deps import get_runtime
from crm.accounts.doors import resolve
from crm.core.errors import NotFound
from crm.core.principal import PATIENT
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions.unsubscribing import Choice, choose_emails, reader_of, unsubscribe
from crm.messaging.emails.ways_out import DOOR
from crm.web.forms import FormModel, ShortText
from crm.web.language import N_, _, current_language
from crm.web.paths import path_of
from crm.web.templating import render

router = APIRouter(prefix="/u", include_in_schema=False)

AnyRuntime = Annotated[Runtime, Depends(get_runtime)]

CHOICES: dict[Choice, str] = {
    "all": N_("Everything, also offers and news"),
    "care": N_("Only what is about my request and my visits"),
    "none": N_("No emails"),
}


class ChoiceForm(FormModel):
    """Which emails somebody wants; `wording_version` names the words beside the offers."""

    choice: Choice
    wording_version: ShortText = ""


@router.get("/{token}", name="messaging:emails")
def emails(
    request: Request, runtime: AnyRuntime, token: str, was: Choice | Literal[""] = ""
) -> Response:
    """Show what the reader gets, with one button that ends it; nothing is changed."""
    return _show(request, runtime, token, was)


@router.post("/{token}", name="messaging:unsubscribe")
def one_click(request: Request, runtime: AnyRuntime, token: str) -> Response:
    """End what the email is one of, whatever else was sent with the request."""
    with _reading(runtime, token) as (uow, email_id):
        was = unsubscribe(uow, email_id)
    return _show(request, runtime, token, was)


@router.post("/{token}/choose", name="messaging:choose_emails")
def choose(
    request: Request, runtime: AnyRuntime, token: str, form: Annotated[ChoiceForm, Form()]
) -> Response:
    """Keep what the reader chose, and show it with the way back."""
    with _reading(runtime, token) as (uow, email_id):
        was = choose_emails(uow, email_id, form.choice, form.wording_version)
    page = path_of(request, "messaging:emails", token=token)
    return RedirectResponse(f"{page}?lang={current_language()}&was={was}", status_code=303)


@contextmanager
def _reading(runtime: Runtime, token: str) -> Iterator[tuple[UnitOfWork, UUID]]:
    """Open a transaction in the clinic of an email's reader. Raises NotFound."""
    for opened in resolve(runtime.database, DOOR, token):
        with runtime.database.transaction(opened.clinic_id, PATIENT) as uow:
            yield uow, opened.ref_id
        return
    raise NotFound


def _show(request: Request, runtime: Runtime, token: str, was: str) -> Response:
    with _reading(runtime, token) as (uow, email_id):
        reader = reader_of(uow, email_id)
        clinic = {"name": reader.clinic.name, "postal_address": reader.clinic.postal_address}
    return render(
        request,
        "messaging/unsubscribe.html",
        clinic=clinic,
        token=token,
        reader=reader,
        choices=[(name, _(words)) for name, words in CHOICES.items()],
        choice_words={name: _(words) for name, words in CHOICES.items()},
        was=was if was != reader.choice else "",
    )
