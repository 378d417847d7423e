"""Settings of the public request forms: what they offer and ask, and how they get on a site."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import StringConstraints
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, own_uow
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.forms import CleanText, FormModel, Rejected, shows_again
from crm.web.language import N_, _
from crm.web.pages import see_other
from pipelines import queries
from pipelines.intake import forms
from pipelines.models import RequestForm
from pipelines.settings_pages.parts import Name, Version, render_form

router = APIRouter(prefix="/forms")

LANGUAGES = ("en", "es")
TEXTS = [f"{place}_{language}" for place in forms.PLACES for language in LANGUAGES]
Consent = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]

FIELDS: Mapping[str, str] = {
    "phone": N_("Phone"),
    "email": N_("Email"),
    "service": N_("Service"),
    "message": N_("Message"),
}
WAYS: Mapping[forms.Ask, str] = {
    "optional": N_("May be left empty"),
    "needed": N_("Must be filled in"),
    "left_out": N_("Not asked"),
}


class NewForm(FormModel):
    """A new form, and the pipeline that its requests come into."""

    name: Name
    pipeline_id: UUID


class RequestFormForm(FormModel):
    """A form; services and sites stand one a line."""

    name: Name
    pipeline_id: UUID
    services: CleanText = ""
    sites: CleanText = ""
    ask_phone: Literal["optional", "needed"] = "optional"
    ask_email: forms.Ask = "optional"
    ask_service: forms.Ask = "optional"
    ask_message: forms.Ask = "optional"
    title_en: Title = ""
    title_es: Title = ""
    intro_en: Paragraph = ""
    intro_es: Paragraph = ""
    thanks_en: Paragraph = ""
    thanks_es: Paragraph = ""
    wording_en: Consent = ""
    wording_es: Consent = ""
    version: Version

    def words(self) -> forms.FormWords:
        """Return what the form asks for."""
        return forms.FormWords(
            name=self.name,
            pipeline_id=self.pipeline_id,
            services=self.services.splitlines(),
            sites=self.sites.split(),
            wordings={one: getattr(self, f"wording_{one}") for one in LANGUAGES},
            asks={name: getattr(self, f"ask_{name}") for name in forms.ASKS},
            texts={name: getattr(self, name) for name in TEXTS},
        )


@router.get("", name="pipelines:forms")
def request_forms(request: Request, uow: ClinicUow) -> Response:
    """Show the clinic's forms, and let one be added."""
    return _forms(request, uow)


def _forms(request: Request, uow: UnitOfWork, rejected: Rejected | None = None) -> Response:
    pipelines = queries.pipelines(uow)
    stored = {"name": "", "pipeline_id": str(pipelines[0].id) if pipelines else ""}
    return render_form(
        *(request, "forms.html", rejected, stored),
        forms=forms.request_forms(uow),
        pipelines=[(str(row.id), row.name) for row in pipelines],
    )


def _forms_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _forms(request, uow, rejected)


@router.post("", name="pipelines:add_form", dependencies=[shows_again(_forms_again)])
def add(request: Request, uow: ClinicUow, form: Annotated[NewForm, Form()]) -> Response:
    """Add a form, open at once."""
    made = forms.add_request_form(uow, form.name, form.pipeline_id, ())
    message = _("The form is added. It takes requests from now on.")
    return see_other(request, "pipelines:form", message=message, form_id=made.id)


@router.get("/{form_id}", name="pipelines:form")
def request_form(request: Request, uow: ClinicUow, form_id: UUID) -> Response:
    """Show a form to be changed, with what goes on the clinic's site."""
    return _form(request, uow, form_id)


def _form(
    request: Request, uow: UnitOfWork, form_id: UUID, rejected: Rejected | None = None
) -> Response:
    row, clinic = uow.get(RequestForm, form_id), request.state.recognised.clinic.name
    runtime: Runtime = request.app.state.runtime
    base_url = runtime.settings.base_url
    stored = {
        "name": row.name,
        "pipeline_id": str(row.pipeline_id),
        "services": "\n".join(row.services),
        "sites": "\n".join(row.sites),
        **{f"ask_{name}": row.asks.get(name, ways[0]) for name, ways in forms.ASKS.items()},
        **{name: row.texts.get(name, "") for name in TEXTS},
        **{f"wording_{one}": forms.consent_text(uow, row, clinic, one) for one in LANGUAGES},
    }
    return render_form(
        *(request, "form_settings.html", rejected, stored),
        form=row,
        pipelines=[(str(one.id), one.name) for one in queries.pipelines(uow)],
        fields=[
            (f"ask_{name}", _(FIELDS[name]), [(way, _(WAYS[way])) for way in ways])
            for name, ways in forms.ASKS.items()
        ],
        base_url=base_url,
        embed_code=f'<script src="{base_url}/embed.js" data-form="{row.key}" async></script>',
    )


def _form_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _form(request, uow, UUID(request.path_params["form_id"]), rejected)


@router.post("/{form_id}", name="pipelines:save_form", dependencies=[shows_again(_form_again)])
def save(
    request: Request, uow: ClinicUow, form_id: UUID, form: Annotated[RequestFormForm, Form()]
) -> Response:
    """Change a form; whoever has it open agrees to the words that are shown to them."""
    forms.edit_request_form(uow, form_id, form.version, form.words())
    return see_other(request, "pipelines:form", message=_("The form is saved."), form_id=form_id)


@router.post("/{form_id}/close", name="pipelines:close_form")
def close(request: Request, uow: ClinicUow, form_id: UUID) -> Response:
    """Take no more requests through a form."""
    forms.close_request_form(uow, form_id)
    message = _("The form is closed; nothing is shown at its address.")
    return see_other(request, "pipelines:form", message=message, form_id=form_id)


@router.post("/{form_id}/open", name="pipelines:open_form")
def reopen(request: Request, uow: ClinicUow, form_id: UUID) -> Response:
    """Take requests through a form again."""
    forms.open_request_form(uow, form_id)
    message = _("The form is open again, at its old address.")
    return see_other(request, "pipelines:form", message=message, form_id=form_id)
