"""Pages of campaigns: all of them, drafting one, and one under way with its people."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from automations.campaigns import actions, queries
from automations.campaigns.audience import Audience, zone_of
from automations.campaigns.forms import (
    CampaignForm,
    CountForm,
    SeenForm,
    Values,
    fresh_values,
    values_again,
    values_counted,
    values_of,
    values_typed,
)
from automations.campaigns.models import Campaign, Result
from automations.campaigns.reach import Counted
from automations.campaigns.wording import (
    HAS,
    RESULT_WORDS,
    STATE_WORDS,
    audience_words,
    rate_words,
    result_words,
)
from automations.conditions.stage_kind_is import KINDS
from automations.models import Automation
from crm.accounts.deps import ClinicUow, own_uow, require
from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.web.forms import Rejected, shows_again
from crm.web.htmx import is_htmx
from crm.web.language import _, ngettext
from crm.web.pages import see_other
from crm.web.templating import render, render_block

router = APIRouter(prefix="/campaigns", include_in_schema=False)

READ, WRITE = require("automations:read"), require("automations:write")
FORM = "automations/campaign_form.html"
PAGE = "automations/campaign.html"
MESSAGES = "automations/campaign_messages.html"


@router.get("", name="campaigns:list", dependencies=[READ])
def list_campaigns(request: Request, uow: ClinicUow) -> Response:
    """Show the clinic's campaigns, the newest first."""
    return render(
        *(request, "automations/campaigns.html"),
        now=uow.now,
        campaigns=queries.campaigns(uow),
        states=STATE_WORDS,
        may_edit=_may_edit(request),
    )


@router.get("/new", name="campaigns:new", dependencies=[WRITE])
def new(
    request: Request,
    uow: ClinicUow,
    automation_id: UUID | None = None,
    campaign_id: UUID | None = None,
) -> Response:
    """Show the form of a campaign, perhaps for a certain sequence or like an earlier one."""
    if campaign_id is not None:
        return _form(request, uow, values_again(uow.get(Campaign, campaign_id), zone_of(uow)))
    return _form(request, uow, fresh_values(automation_id))


def _again(request: Request, rejected: Rejected) -> Response:
    """Show a refused form as it was typed; of what only counts, its part of the page."""
    if is_htmx(request):
        status = rejected.problem.status
        return render_block(
            *(request, FORM, "reach", status), **_reach(None), problem=rejected.problem
        )
    campaign_id = rejected.id("campaign_id")
    with own_uow(request) as uow:
        values = values_typed(rejected.values, rejected.several)
        return _form(request, uow, values, campaign_id, rejected)


@router.post("/new", name="campaigns:draft", dependencies=[WRITE, shows_again(_again)])
def draft(request: Request, uow: ClinicUow, form: Annotated[CampaignForm, Form()]) -> Response:
    """Keep a campaign as a draft."""
    made = actions.draft_campaign(uow, form.draft(zone_of(uow)))
    message = _("The campaign is a draft. Nobody gets anything before you start it.")
    return see_other(request, "campaigns:campaign", campaign_id=made.id, message=message)


@router.post("/count", name="campaigns:count", dependencies=[WRITE, shows_again(_again)])
def count(request: Request, uow: ClinicUow, form: Annotated[CountForm, Form()]) -> Response:
    """Say whom the campaign in the form would reach: beside it, or without scripts with it."""
    reach = queries.reach_of(uow, form.audience, form.automation_id)
    if is_htmx(request):
        return render_block(request, FORM, "reach", **_reach(reach), problem=None)
    return _form(request, uow, values_counted(form), form.campaign_id, reach=reach)


@router.get("/{campaign_id}/edit", name="campaigns:edit", dependencies=[WRITE])
def edit(request: Request, uow: ClinicUow, campaign_id: UUID) -> Response:
    """Show the form of a draft; what was started is only shown."""
    campaign = uow.get(Campaign, campaign_id)
    if campaign.state != "draft":
        return see_other(request, "campaigns:campaign", campaign_id=campaign_id)
    return _form(request, uow, values_of(campaign, zone_of(uow)), campaign_id)


@router.post(
    "/{campaign_id}/edit", name="campaigns:save", dependencies=[WRITE, shows_again(_again)]
)
def save(
    request: Request, uow: ClinicUow, campaign_id: UUID, form: Annotated[CampaignForm, Form()]
) -> Response:
    """Change a draft."""
    actions.change_campaign(uow, campaign_id, form.version, form.draft(zone_of(uow)))
    message = _("The draft is saved.")
    return see_other(request, "campaigns:campaign", campaign_id=campaign_id, message=message)


@router.get("/{campaign_id}/messages", name="campaigns:messages", dependencies=[READ])
def messages(request: Request, uow: ClinicUow, campaign_id: UUID) -> Response:
    """Show what became of a campaign's messages: a part of its page, or without scripts a page."""
    campaign = uow.get(Campaign, campaign_id)
    told = queries.messages_of(uow, campaign.id)
    context: dict[str, Any] = {"it": campaign, "told": told}
    if is_htmx(request):
        return render_block(request, MESSAGES, "messages", **context)
    return render(request, MESSAGES, **context)


@router.get("/{campaign_id}", name="campaigns:campaign", dependencies=[READ])
def show(
    request: Request,
    uow: ClinicUow,
    campaign_id: UUID,
    result: Result | None = None,
    beyond: UUID | None = None,
) -> Response:
    """Show a campaign: a draft with whom it would reach, another with what became of whom."""
    campaign = uow.get(Campaign, campaign_id)
    if campaign.state == "draft":
        context = _draft(uow, campaign)
    else:
        context = _under_way(uow, campaign, result, beyond)
    state, tone = STATE_WORDS[campaign.state]  # type: ignore[index]
    context |= {"it": campaign, "state": _(state), "tone": tone, "may_edit": _may_edit(request)}
    context |= {"now": uow.now, "sequence": uow.get(Automation, campaign.automation_id)}
    if is_htmx(request):
        return render_block(request, PAGE, "progress", **context)
    return render(request, PAGE, **context, **_told(uow, campaign))


@router.post("/{campaign_id}/start", name="campaigns:start", dependencies=[WRITE])
def start(
    request: Request, uow: ClinicUow, campaign_id: UUID, form: Annotated[SeenForm, Form()]
) -> Response:
    """Start a draft: now, or at its time."""
    campaign = actions.start(uow, campaign_id, form.version)
    is_early = campaign.state == "scheduled"
    message = _("The campaign starts at its time.") if is_early else _("The campaign has started.")
    return see_other(request, "campaigns:campaign", campaign_id=campaign_id, message=message)


@router.post("/{campaign_id}/pause", name="campaigns:pause", dependencies=[WRITE])
def pause(request: Request, uow: ClinicUow, campaign_id: UUID) -> Response:
    """Let nobody else enter for now."""
    actions.pause(uow, campaign_id)
    message = _("The campaign is paused. Nobody else enters; whoever has entered goes on.")
    return see_other(request, "campaigns:campaign", campaign_id=campaign_id, message=message)


@router.post("/{campaign_id}/resume", name="campaigns:resume", dependencies=[WRITE])
def resume(request: Request, uow: ClinicUow, campaign_id: UUID) -> Response:
    """Let a paused campaign go on where it was."""
    actions.resume(uow, campaign_id)
    message = _("The campaign goes on where it was.")
    return see_other(request, "campaigns:campaign", campaign_id=campaign_id, message=message)


@router.post("/{campaign_id}/stop", name="campaigns:stop", dependencies=[WRITE])
def stop(request: Request, uow: ClinicUow, campaign_id: UUID) -> Response:
    """End a campaign for good."""
    actions.stop(uow, campaign_id)
    message = _("The campaign is stopped. Whoever still waited does not enter.")
    return see_other(request, "campaigns:campaign", campaign_id=campaign_id, message=message)


@router.post("/{campaign_id}/delete", name="campaigns:delete", dependencies=[WRITE])
def delete(
    request: Request, uow: ClinicUow, campaign_id: UUID, form: Annotated[SeenForm, Form()]
) -> Response:
    """Forget a draft."""
    actions.delete_draft(uow, campaign_id, form.version)
    return see_other(request, "campaigns:list", message=_("The draft is deleted."))


def _form(
    request: Request,
    uow: UnitOfWork,
    values: Values,
    campaign_id: UUID | None = None,
    rejected: Rejected | None = None,
    reach: Counted | None = None,
) -> Response:
    offered = queries.offered(uow)
    return render(
        *(request, FORM, rejected.problem.status if rejected else 200),
        now=uow.now,
        campaign_id=campaign_id,
        values=values,
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
        sequences=offered.sequences,
        stages=offered.choices.by_name["stages"],
        sources=offered.sources,
        services=offered.services,
        tags=offered.tags,
        kinds=[(code, _(word)) for code, word in KINDS.items()],
        ways=[(code, _(word)) for code, word in HAS.items()],
        zone=zone_of(uow).key,
        **_reach(reach),
    )


def _reach(reach: Counted | None) -> dict[str, Any]:
    """Return whom a campaign would reach as the pages say it, the most frequent reason first."""
    if reach is None:
        return {"reach": None, "reasons": []}
    reasons = sorted(reach.left_out.items(), key=lambda pair: -pair[1])
    return {"reach": reach, "reasons": [(_(RESULT_WORDS[one]), many) for one, many in reasons]}


def _draft(uow: UnitOfWork, campaign: Campaign) -> dict[str, Any]:
    audience = Audience.model_validate(campaign.audience)
    reach = queries.reach_of(uow, audience, campaign.automation_id)
    sure = ngettext("Start it for %(num)s person", "Start it for %(num)s people", reach.reached)
    return {**_reach(reach), "sure": sure, "problem": None}


def _under_way(
    uow: UnitOfWork, campaign: Campaign, result: Result | None, beyond: UUID | None
) -> dict[str, Any]:
    people = queries.people_in(uow, campaign.id, result, beyond)
    filters = [
        (one, result_words(one), people.results[one])
        for one in RESULT_WORDS
        if one in people.results
    ]
    return {
        "people": people,
        "result": result,
        "filters": filters,
        "result_words": result_words,
        "decided": campaign.entered + campaign.left_out,
    }


def _told(uow: UnitOfWork, campaign: Campaign) -> Mapping[str, Any]:
    """Return what a page says of a campaign that does not change while it runs."""
    offered = queries.offered(uow)
    zone = zone_of(uow)
    words = audience_words(
        Audience.model_validate(campaign.audience),
        *(offered.choices.names, dict(offered.tags), zone, uow.now),
    )
    who = offered.choices.names.person(campaign.started_by) if campaign.started_by else None
    return {"audience": list(words), "rate": rate_words(campaign), "starter": who}


def _may_edit(request: Request) -> bool:
    return may(request.state.recognised.membership.role, "automations:write")
