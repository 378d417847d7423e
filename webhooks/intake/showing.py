"""How the request form and its answer look."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from babel.dates import format_time
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.models import Clinic
from crm.web import formats
from crm.web.forms import Rejected
from crm.web.language import _, current_language
from crm.web.middleware.headers import content_security_policy
from crm.web.templating import render
from pipelines.intake import ShownForm
from webhooks.intake.origins import (
    as_query,
    campaign,
    clean_page,
    landing_page,
    read_campaign,
)
from webhooks.intake.tokens import FormToken

TYPED = ("name", "phone", "email", "service", "message")
ASKED = (*TYPED, "sms_care")
"""The fields that a person sees, in the order of the page."""


def show(
    request: Request, form: ShownForm, token: FormToken, rejected: Rejected | None = None
) -> Response:
    """Return the form, empty or as it was typed."""
    typed = rejected.values if rejected else {}
    wrong = rejected.errors if rejected else {}
    page, fields = _came_from(request, rejected)
    # A tick belongs to the words beside it: it is kept only with the very same ones.
    has_same_words = typed.get("wording_id") == str(form.wording.id)
    response = render(
        request,
        "webhooks/form.html",
        rejected.problem.status if rejected else 200,
        is_framed=_is_framed(request),
        form=form,
        choices=[("", _("Please choose")), *((name, name) for name in form.services)],
        action=_with_frame(request, f"?lang={current_language()}"),
        carried={**fields, **({"landing_page": page} if page else {})},
        values={name: typed.get(name, "") for name in TYPED},
        is_ticked=has_same_words and bool(typed.get("sms_care")),
        errors={name: wrong.get(name) for name in ASKED},
        problem=rejected.problem if rejected else None,
        hidden={
            "token": token.text,
            "wording_id": str(form.wording.id),
            "landing_page": page,
            "campaign": as_query(fields),
        },
    )
    return _framed(request, form, response)


def _came_from(request: Request, rejected: Rejected | None) -> tuple[str, dict[str, str]]:
    """Return the landing page and the campaign, as the first showing of the form had them."""
    if rejected is None:
        return landing_page(request), campaign(request)
    typed = rejected.values
    return clean_page(typed.get("landing_page", "")), read_campaign(typed.get("campaign", ""))


def show_sent(request: Request, form: ShownForm, now: datetime) -> Response:
    """Return the page after a request was taken in."""
    phone = form.clinic.phone
    response = render(
        request,
        "webhooks/form_sent.html",
        is_framed=_is_framed(request),
        clinic=form.clinic,
        thanks=form.texts["thanks"],
        answer=when_answered(form.clinic, now),
        phone=formats.phone(phone, form.clinic.region) if phone else "",
    )
    return _framed(request, form, response)


def when_answered(clinic: Clinic, now: datetime) -> str:
    """Say when somebody answers: soon within the clinic's hours, else from when they begin."""
    hour = now.astimezone(ZoneInfo(clinic.timezone)).hour
    start, end = _clock(clinic.window_start_hour), _clock(clinic.window_end_hour)
    if clinic.window_start_hour <= hour < clinic.window_end_hour:
        return _("Somebody will answer you today, usually within the hour.")
    if hour < clinic.window_start_hour:
        return _(
            "We answer from %(start)s to %(end)s; you will hear from us today.",
            start=start,
            end=end,
        )
    return _(
        "We answer from %(start)s to %(end)s; you will hear from us tomorrow.", start=start, end=end
    )


def _clock(hour: int) -> str:
    return format_time(time(hour % 24), "short", locale=current_language())


def _is_framed(request: Request) -> bool:
    return request.url.path.endswith("/embed") or bool(request.query_params.get("embed"))


def _with_frame(request: Request, query: str) -> str:
    return f"{query}&embed=1" if _is_framed(request) else query


def _framed(request: Request, form: ShownForm, response: Response) -> Response:
    """Let the clinic's own sites show the page in a frame, where it was asked for in one."""
    if _is_framed(request):
        response.headers["Content-Security-Policy"] = content_security_policy(form.sites)
    return response
