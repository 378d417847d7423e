"""Pages of texts: a person's word on one that is uncertain; the clinic's switch and accounts."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.models import Clinic
from crm.accounts.queries import user_names
from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.messaging import actions, queries
from crm.messaging.actions import holding, limits, setup
from crm.messaging.models import ChannelAccount, Template
from crm.messaging.settling import settle_by_hand
from crm.privacy.models import AuditEntry
from crm.privacy.queries import audit_entries
from crm.web import formats
from crm.web.forms import FormModel
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(include_in_schema=False)

ACTS = {
    holding.HELD: N_("Texts were held"),
    holding.RELEASED: N_("Texts were released"),
    limits.CHANGED: N_("Limits were changed"),
    setup.PAUSED: N_("A number was paused"),
    setup.RESUMED: N_("A number was resumed"),
    setup.TEMPLATE_PAUSED: N_("A template was paused"),
    setup.TEMPLATE_RESUMED: N_("A template was resumed"),
}
MOST_ACTS = 20


class LimitsForm(FormModel):
    """How many automated texts a person gets, and how far apart those of different sequences."""

    daily_cap: Literal["1", "2", "3"]
    gap_minutes: Literal["0", "60", "120", "240", "480", "1440"]


class SettleForm(FormModel):
    """What somebody found out about a text."""

    was_sent: Literal["yes", "no"]


@router.post(
    "/texts/{communication_id}/settle",
    name="messaging:settle",
    dependencies=[require("messages:send")],
)
def settle(
    request: Request, uow: ClinicUow, communication_id: UUID, form: Annotated[SettleForm, Form()]
) -> Response:
    """Write down whether a text was sent, and show its lead, or the other texts to be checked."""
    text = settle_by_hand(uow, communication_id, was_sent=form.was_sent == "yes")
    message = _("It is noted; the text is not sent again.")
    if text.lead_id is None:
        return see_other(request, "workers:stuck", message=message)
    return see_other(request, "pipelines:lead", lead_id=text.lead_id, message=message)


@router.get("/settings/texts", name="messaging:texts")
def texts(
    request: Request, uow: ClinicUow, login: Annotated[SignedIn, require("settings:read")]
) -> Response:
    """Show whether automated texts leave, through which accounts, and who switched what."""
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    return render(
        request,
        "messaging/texts.html",
        now=uow.now,
        is_holding=clinic.is_holding_sends,
        limits={"daily_cap": clinic.daily_cap, "gap_minutes": clinic.voice_gap_minutes},
        caps=[(cap, str(cap)) for cap in limits.DAILY_CAPS],
        gaps=[(gap, formats.span(minutes=gap) or _("No gap")) for gap in limits.GAPS],
        accounts=queries.text_accounts(uow),
        templates=queries.paused_templates(uow),
        acts=_acts(uow),
        may_switch=may(login.role, "settings:write"),
    )


def _acts(uow: UnitOfWork) -> list[tuple[AuditEntry, str, str]]:
    """Return the last acts, each with what it was and the name of who did it."""
    entries = audit_entries(uow, actions=list(ACTS), limit=MOST_ACTS)
    names = user_names(uow, [each.principal_id for each in entries if each.principal_id])
    return [
        (each, _(ACTS[each.action]), names.get(each.principal_id or each.id, ""))
        for each in entries
    ]


@router.post(
    "/settings/texts/hold", name="messaging:hold", dependencies=[require("settings:write")]
)
def hold(request: Request, uow: ClinicUow) -> Response:
    """Hold all automated texts."""
    actions.hold_sends(uow)
    return see_other(request, "messaging:texts", message=_("All automated texts are held."))


@router.post(
    "/settings/texts/release", name="messaging:release", dependencies=[require("settings:write")]
)
def release(request: Request, uow: ClinicUow) -> Response:
    """Let automated texts leave again; each is checked anew."""
    released = actions.release_sends(uow)
    return _see_released(request, released)


@router.post(
    "/settings/texts/limits", name="messaging:limits", dependencies=[require("settings:write")]
)
def set_limits(request: Request, uow: ClinicUow, form: Annotated[LimitsForm, Form()]) -> Response:
    """Set how much automated writing a person gets."""
    limits.set_limits(uow, int(form.daily_cap), int(form.gap_minutes))
    return see_other(request, "messaging:texts", message=_("The limits are saved."))


@router.post(
    "/settings/texts/accounts/{account_id}/resume",
    name="messaging:resume_account",
    dependencies=[require("settings:write")],
)
def resume(request: Request, uow: ClinicUow, account_id: UUID) -> Response:
    """Let texts leave through an account again."""
    released = actions.resume_account(uow, uow.get(ChannelAccount, account_id).id)
    return _see_released(request, released)


@router.post(
    "/settings/texts/templates/{template_id}/resume",
    name="messaging:resume_template",
    dependencies=[require("settings:write")],
)
def resume_template(request: Request, uow: ClinicUow, template_id: UUID) -> Response:
    """Let a template's words leave again."""
    released = actions.resume_template(uow, uow.get(Template, template_id).id)
    return _see_released(request, released)


def _see_released(request: Request, count: int) -> Response:
    message = _("Texts leave again. Held ones: %(count)s.", count=count)
    return see_other(request, "messaging:texts", message=message)
