"""The public request form: one page that needs no script, no cookie and no third party."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Form
from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.accounts import doors
from crm.compliance.wordings import Wording, find_wordings
from crm.core.errors import N_, DomainError, Invalid, NotFound
from crm.core.principal import PATIENT
from crm.web.forms import FormModel, Rejected, shows_again
from crm.web.language import _
from crm.web.paths import path_of
from crm.web.state import web_of
from pipelines.intake import AppointmentRequestIn, IncomingRequest, ShownForm, find_form
from pipelines.intake.arrived import EmailText, LongText, Name, PhoneText, wrong_addresses
from webhooks.intake.desk import Desk, desk_of
from webhooks.intake.origins import clean_page, read_campaign
from webhooks.intake.showing import ASKED, show, show_sent
from webhooks.intake.tokens import FormToken, issue_token, read_token

log = structlog.get_logger("webhooks.intake")
router = APIRouter(include_in_schema=False)

DOOR = "form"


class TryAgain(DomainError):
    """The form came as robots send it; a person sends it once more and has lost nothing."""

    code = "try_again"
    title = N_("Please send it once more")


AGAIN = N_("Everything you wrote is still here. Look it over and press the button again.")
LATER = N_("Many requests came at once. Everything you wrote is still here; wait a minute.")
READ_AGAIN = N_("Please read this again, and tick it if you agree.")
CHOOSE = N_("Choose one from the list.")
NEEDED = N_("This is needed.")
NO_PHONE_TO_TEXT = N_("To be texted, give your phone number above; otherwise leave this unticked.")


def _or_empty(value: object) -> object:
    return "" if value is None else value


Hidden = Annotated[str, BeforeValidator(_or_empty), Field(max_length=10_000)]


class RequestFormIn(FormModel):
    """What the form sends; what a person cannot see is never his mistake, so it is read kindly."""

    # A field that was left empty is not sent: its own words are better than "needed".
    name: Annotated[Name, Field(validate_default=True)] = ""
    phone: PhoneText = None
    email: EmailText = None
    service: Annotated[str, Field(max_length=200)] = ""
    message: LongText = None
    sms_care: Annotated[str, Field(max_length=10)] = ""
    website: Hidden = ""
    token: Hidden = ""
    wording_id: Hidden = ""
    landing_page: Hidden = ""
    campaign: Hidden = ""

    def content(self) -> str:
        """Return what the person wrote, as it is kept, and by which two sendings are one."""
        fields = self.model_dump(exclude={"website", "token"})
        return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def _form_id(desk: Desk, form_key: str) -> tuple[UUID, UUID]:
    """Return (clinic, form) of a form's key. Raises NotFound."""
    found = doors.resolve(desk.database, DOOR, form_key)
    if not found:
        raise NotFound
    return found[0].clinic_id, found[0].ref_id


def _show(request: Request, form_key: str, rejected: Rejected | None = None) -> Response:
    desk = desk_of(request)
    clinic_id, form_id = _form_id(desk, form_key)
    typed = rejected.values if rejected else {}
    with desk.database.transaction(clinic_id, PATIENT) as uow:
        form, now = find_form(uow, form_id, request.state.language), uow.now
        wordings = find_wordings(uow, ids=_uuid(typed.get("wording_id", ""))) if rejected else {}
    signer = web_of(request).signer
    token = read_token(signer, form_id, typed.get("token", ""), now)
    if rejected:
        rejected = _with_everything(rejected, _wrong(form, typed, wordings))
    return show(request, form, token or issue_token(signer, form_id, now), rejected)


def _show_again(request: Request, rejected: Rejected) -> Response:
    return _show(request, request.path_params["form_key"], rejected)


def _with_everything(rejected: Rejected, wrong: Mapping[str, str]) -> Rejected:
    """Return the refused form with every mistake in it, in the order of the page."""
    found = {**{name: _(words) for name, words in wrong.items()}, **rejected.errors}
    names = [*(name for name in ASKED if name in found), *(found.keys() - set(ASKED))]
    problem = replace(rejected.problem, fields={name: found[name] for name in names})
    return replace(rejected, problem=problem)


def _wrong(
    form: ShownForm, typed: Mapping[str, str], wordings: Mapping[UUID, Wording]
) -> dict[str, str]:
    """Return what is wrong beyond the shape of the fields, by field."""
    lacking = form.lacking(typed)
    wrong = wrong_addresses(typed.get("phone"), typed.get("email"), form.clinic.region)
    if "email" in lacking and not (typed.get("phone") or "").strip():
        del wrong["phone"]  # It says that either will do.
    wrong |= dict.fromkeys(lacking, NEEDED)
    if typed.get("service") and typed["service"] not in form.services:
        wrong["service"] = CHOOSE
    if typed.get("sms_care"):
        shown = [wordings[one] for one in _uuid(typed.get("wording_id", "")) if one in wordings]
        if not any(one.purpose == "care" for one in shown):
            wrong["sms_care"] = READ_AGAIN
        elif not (typed.get("phone") or "").strip():
            wrong["sms_care"] = NO_PHONE_TO_TEXT
    return wrong


@router.get("/f/{form_key}", name="intake:form")
def show_form(request: Request, form_key: str) -> Response:
    """Show a clinic's request form."""
    return _show(request, form_key)


@router.get("/f/{form_key}/embed", name="intake:embed")
def show_embedded_form(request: Request, form_key: str) -> Response:
    """Show the form for a frame on one of the clinic's own sites."""
    return _show(request, form_key)


@router.get("/embed.js", name="intake:embed_script")
def embed_script(request: Request) -> Response:
    """Give the clinics' sites what puts a form into their pages, at an address that stays."""
    script = web_of(request).assets.by_name["embed.js"]
    return Response(script.body, media_type=script.media_type)


@router.get("/f/{form_key}/sent", name="intake:sent")
def show_form_sent(request: Request, form_key: str) -> Response:
    """Say that the request has arrived, when somebody answers, and whom to call meanwhile."""
    desk = desk_of(request)
    clinic_id, form_id = _form_id(desk, form_key)
    with desk.database.transaction(clinic_id, PATIENT) as uow:
        form, now = find_form(uow, form_id, request.state.language), uow.now
    return show_sent(request, form, now)


@router.post("/f/{form_key}", name="intake:send_form", dependencies=[shows_again(_show_again)])
def send_form(request: Request, form_key: str, sent: Annotated[RequestFormIn, Form()]) -> Response:
    """Take a request in; the same sending twice is one request."""
    desk = desk_of(request)
    clinic_id, form_id = _form_id(desk, form_key)
    with desk.database.transaction(clinic_id, PATIENT) as uow:
        form = find_form(uow, form_id, request.state.language)
        token = read_token(web_of(request).signer, form_id, sent.token, uow.now)
        wordings = find_wordings(uow, ids=[form.wording.id, *_uuid(sent.wording_id)])
        age = token.age(uow.now) if token else None
    token = _assert_human(request, form_id, sent, token, age)
    wrong = _wrong(form, sent.model_dump(), wordings)
    if wrong:
        raise Invalid(fields=wrong)
    incoming = _incoming(request, form, sent, token)
    desk.accept(clinic_id, PATIENT, incoming)
    query = "&embed=1" if request.query_params.get("embed") else ""
    path = path_of(request, "intake:sent", form_key=form_key)
    return RedirectResponse(f"{path}?lang={request.state.language}{query}", 303)


def _assert_human(
    request: Request, form_id: UUID, sent: RequestFormIn, token: FormToken | None, age: float | None
) -> FormToken:
    """Return the token of a form that a person may have sent. Raises TryAgain."""
    desk, reason = desk_of(request), ""
    if not desk.rates.may_post(str(form_id), _place(request)):
        reason = "throttled"
    elif sent.website:
        reason = "trap"
    elif token is None or age is None:
        reason = "token"
    elif age < desk.least_fill_seconds:
        reason = "too_fast"
    if reason or token is None:
        log.info("form.suspected", form_id=str(form_id), reason=reason)
        raise TryAgain(LATER if reason == "throttled" else AGAIN)
    return token


def _incoming(
    request: Request, form: ShownForm, sent: RequestFormIn, token: FormToken
) -> IncomingRequest:
    campaign = read_campaign(sent.campaign)
    data = AppointmentRequestIn.model_validate(
        {
            "name": sent.name,
            "phone": sent.phone,
            "email": sent.email,
            "service": sent.service,
            "message": sent.message,
            "language": request.state.language,
            "campaign": campaign,
            "landing_page": clean_page(sent.landing_page),
            "consent": _consent(sent),
        }
    )
    content = sent.content()
    return IncomingRequest(
        data=data,
        # What is changed after Back is another request; a double click is the same one.
        idempotency_key=f"{token.nonce}:{sha256(content.encode()).hexdigest()[:16]}",
        channel=f"form:{form.form_id}",
        body=content,
        region=form.clinic.region,
        pipeline_id=form.pipeline_id,
        form_id=form.form_id,
        form_version=form.version,
        evidence=_evidence(request),
    )


def _evidence(request: Request) -> dict[str, object]:
    """Return what proves how somebody agreed, besides the words (LAW-10)."""
    return {
        "given_to": "form",
        "ip": _place(request),
        "user_agent": request.headers.get("user-agent", "")[:300],
        "language": request.state.language,
    }


def _place(request: Request) -> str:
    return request.client.host if request.client else ""


def _consent(sent: RequestFormIn) -> dict[str, object]:
    if not sent.sms_care:
        return {}
    return {"sms_care": True, "wording_id": sent.wording_id}


def _uuid(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []
