"""A template tried out: the panel from which somebody sends it to himself, and what became of it.

It stands beside a template and beside a step that sends one, and by itself without scripts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from pydantic import Field
from sqlalchemy import select
from sqlmodel import col
from starlette.responses import Response

from crm.accounts.actions.logins import Recognised
from crm.accounts.deps import ClinicUow, own_uow, require
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.messaging import queries, states
from crm.messaging.actions.queuing import TEST
from crm.messaging.actions.trying import Trial, send_test
from crm.messaging.models import OPEN_STATUSES, Communication, TemplateVersion
from crm.messaging.template_pages import LANGUAGES
from crm.web import formats
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.htmx import is_htmx
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render, render_block

router = APIRouter(prefix="/settings/templates/{template_id}/test", include_in_schema=False)

WRITE = require("templates:write")
PAGE = "messaging/try.html"
SHOWN = 3


class TryForm(FormModel):
    """In which language to try it, and on which number if it is a text."""

    language: ShortText
    key: Annotated[ShortText, Field(min_length=1)]
    phone: ShortText = ""


@dataclass(frozen=True)
class Tried:
    """A test that somebody sent, and what became of it; `code` is the provider's own."""

    at: datetime
    language: str
    state: states.State
    reason: str
    code: str
    is_open: bool


@router.get("", name="messaging:try_template", dependencies=[WRITE])
def try_template(
    request: Request, uow: ClinicUow, template_id: UUID, language: str = ""
) -> Response:
    """Show the panel, with a language chosen."""
    return _panel(request, uow, template_id, {"language": language})


@router.get("/sent", name="messaging:tests_sent", dependencies=[WRITE])
def tests_sent(request: Request, uow: ClinicUow, template_id: UUID) -> Response:
    """Show what became of the user's last tests of a template."""
    return _panel(request, uow, template_id, {}, block="sent")


def _again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        template_id = UUID(request.path_params["template_id"])
        return _panel(request, uow, template_id, rejected.values, rejected)


@router.post("", name="messaging:send_test", dependencies=[WRITE, shows_again(_again)])
def send(
    request: Request, uow: ClinicUow, template_id: UUID, form: Annotated[TryForm, Form()]
) -> Response:
    """Send a template's published words to the user himself."""
    who: Recognised = request.state.recognised
    trial = Trial(template_id, form.language, form.key, form.phone)
    send_test(uow, who.user, who.clinic, trial)
    if is_htmx(request):
        return _panel(request, uow, template_id, form.model_dump())
    said = _("The test is on its way.")
    return see_other(request, "messaging:try_template", template_id=template_id, message=said)


def _panel(
    request: Request,
    uow: UnitOfWork,
    template_id: UUID,
    typed: Mapping[str, str],
    rejected: Rejected | None = None,
    block: str = "panel",
) -> Response:
    who: Recognised = request.state.recognised
    template = next(iter(queries.templates_shown(uow, template_id)), None)
    if template is None:
        raise NotFound
    written = [(each, _(LANGUAGES[each])) for each in LANGUAGES if template.bodies.get(each)]
    context = {
        "now": uow.now,
        "template": template,
        "languages": written,
        "spoken": typed.get("language") or who.user.language,
        "phone": typed.get("phone") or formats.phone(who.user.phone or "", who.clinic.region),
        "email": who.user.email,
        "key": str(uuid4()),
        "tests": _tests(uow, who.user.id, template_id),
        "problem": rejected.problem if rejected else None,
        "errors": rejected.errors if rejected else {},
    }
    status = rejected.problem.status if rejected else 200
    if is_htmx(request):
        return render_block(request, PAGE, block, status, **context)
    return render(request, PAGE, status, **context)


def _tests(uow: UnitOfWork, user_id: UUID, template_id: UUID) -> Sequence[Tried]:
    its = (col(TemplateVersion.clinic_id) == col(Communication.clinic_id)) & (
        col(TemplateVersion.id) == col(Communication.template_version_id)
    )
    rows = uow.session.scalars(
        select(Communication)
        .join(TemplateVersion, its)
        .where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.origin_kind) == TEST,
            col(Communication.origin_id) == user_id,
            col(TemplateVersion.template_id) == template_id,
        )
        .order_by(col(Communication.id).desc())
        .limit(SHOWN)
    )
    return [
        Tried(
            at=row.created_at,
            language=_(LANGUAGES.get(row.language or "", "")),
            state=states.state(row.status, row.held_reason),
            reason=states.reason(row.reason or row.held_reason, row.channel),
            code=row.error_code or "",
            is_open=row.status in OPEN_STATUSES,
        )
        for row in rows
    ]
