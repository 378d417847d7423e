"""What a person does with a campaign: draft, change, start, pause, resume and stop it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from automations.campaigns.audience import Audience
from automations.campaigns.models import GOING, Campaign, CampaignPerson, RatePer, State
from automations.events import CampaignChanged
from automations.models import BULK, Automation
from automations.triggers.by_hand import ByHand
from automations.triggers.campaign import ReachedByCampaign
from crm.core.errors import N_, Conflict, NotFound, StaleVersion
from crm.core.uow import UnitOfWork
from pipelines.lead.models import Tag
from pipelines.models import Stage

STARTABLE = tuple(one.model_fields["kind"].default for one in (ReachedByCampaign, ByHand))
"""The triggers of sequences that a campaign may start: what answers an event says other things."""

_people: Any = CampaignPerson.__table__  # type: ignore[attr-defined]


class CampaignUnderWay(Conflict):
    """Only what is still a draft can be changed, started or deleted."""

    code = "campaign_under_way"
    title = N_("This campaign has been started already")


class CampaignOver(Conflict):
    """What was stopped, has finished or was never started can be neither paused nor resumed."""

    code = "campaign_over"
    title = N_("This campaign is not under way")


class NotForCampaigns(Conflict):
    """The sequence is not published, or something else starts it."""

    code = "sequence_not_for_campaigns"
    title = N_("A campaign cannot start this sequence")


@dataclass(frozen=True)
class Draft:
    """What a campaign shall be; `starts_at` None is as soon as somebody starts it."""

    name: str
    automation_id: UUID
    audience: Audience
    rate: int
    rate_per: RatePer
    starts_at: datetime | None = None


def draft_campaign(uow: UnitOfWork, draft: Draft) -> Campaign:
    """Keep a campaign that nobody has started yet. Raises NotFound, NotForCampaigns."""
    _check(uow, draft.automation_id)
    _check_audience(uow, draft.audience)
    made = Campaign(**_fields(draft), queue=BULK, created_at=uow.now)
    uow.add(made)
    return made


def change_campaign(uow: UnitOfWork, campaign_id: UUID, version: int, draft: Draft) -> Campaign:
    """Change what is still a draft.

    Raises NotFound, CampaignUnderWay, StaleVersion, NotForCampaigns.
    """
    campaign = _draft(uow, campaign_id, version)
    _check(uow, draft.automation_id)
    _check_audience(uow, draft.audience)
    for name, value in _fields(draft).items():
        setattr(campaign, name, value)
    campaign.version += 1
    uow.session.flush()
    return campaign


def delete_draft(uow: UnitOfWork, campaign_id: UUID, version: int) -> None:
    """Forget what was never started. Raises NotFound, CampaignUnderWay, StaleVersion."""
    campaign = _draft(uow, campaign_id, version)
    own = (col(Campaign.clinic_id) == uow.clinic_id, col(Campaign.id) == campaign.id)
    uow.session.execute(delete(Campaign).where(*own))


def start(uow: UnitOfWork, campaign_id: UUID, version: int) -> Campaign:
    """Start a campaign as it was seen: now, or at its time.

    Raises NotFound, CampaignUnderWay, StaleVersion, NotForCampaigns.
    """
    campaign = _draft(uow, campaign_id, version)
    _check(uow, campaign.automation_id)
    campaign.started_at = uow.now
    campaign.started_by = uow.principal.id if uow.principal.kind == "user" else None
    _let_go(uow, campaign)
    return campaign


def pause(uow: UnitOfWork, campaign_id: UUID) -> Campaign:
    """Let nobody else enter until it is resumed; who has entered goes on.

    Raises NotFound, CampaignOver.
    """
    campaign = _locked(uow, campaign_id)
    if campaign.state == "paused":
        return campaign
    if campaign.state not in GOING:
        raise CampaignOver
    _rest(uow, campaign, "paused")
    return campaign


def resume(uow: UnitOfWork, campaign_id: UUID) -> Campaign:
    """Let a paused campaign go on where it was. Raises NotFound, CampaignOver."""
    campaign = _locked(uow, campaign_id)
    if campaign.state in GOING:
        return campaign
    if campaign.state != "paused":
        raise CampaignOver
    _let_go(uow, campaign)
    return campaign


def stop(uow: UnitOfWork, campaign_id: UUID) -> Campaign:
    """End a campaign for good: whoever still waits never enters; who has entered goes on.

    Raises NotFound, CampaignOver.
    """
    campaign = _locked(uow, campaign_id)
    if campaign.state == "stopped":
        return campaign
    if campaign.state not in (*GOING, "paused"):
        raise CampaignOver
    waiting = update(_people).where(
        _people.c.clinic_id == uow.clinic_id,
        _people.c.campaign_id == campaign.id,
        _people.c.result == "waiting",
    )
    stopped = uow.session.execute(waiting.values(result="stopped", decided_at=uow.now))
    campaign.left_out += stopped.rowcount  # type: ignore[attr-defined]
    campaign.ended_at = uow.now
    _rest(uow, campaign, "stopped")
    return campaign


def changed(uow: UnitOfWork, campaign: Campaign, state: State) -> None:
    """Write a campaign's new state and tell of it; its row is locked."""
    campaign.state = state
    uow.session.flush()
    uow.emit(CampaignChanged(order_key=campaign.id, campaign_id=campaign.id, state=state))


def _let_go(uow: UnitOfWork, campaign: Campaign) -> None:
    """Let workers at it: from its time on, or now."""
    campaign.attempts, campaign.last_error, campaign.dead_at = 0, None, None
    if campaign.cursor is None and campaign.gathered_at is None and _is_early(uow, campaign):
        campaign.due_at = campaign.starts_at
        changed(uow, campaign, "scheduled")
        return
    campaign.due_at, campaign.lease_until = uow.now, uow.reserved_until
    uow.ring("campaigns", [campaign.id], campaign.queue)
    changed(uow, campaign, "running" if campaign.gathered_at is not None else "gathering")


def _is_early(uow: UnitOfWork, campaign: Campaign) -> bool:
    return campaign.starts_at is not None and campaign.starts_at > uow.now


def _rest(uow: UnitOfWork, campaign: Campaign, state: State) -> None:
    """Take a campaign from whoever works on it: nothing of it is due any more."""
    campaign.due_at, campaign.dead_at = None, None
    campaign.lease_until, campaign.lease_token = None, None
    changed(uow, campaign, state)


def _fields(draft: Draft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "automation_id": draft.automation_id,
        "audience": draft.audience.model_dump(mode="json", exclude_defaults=True),
        "rate": draft.rate,
        "rate_per": draft.rate_per,
        "starts_at": draft.starts_at,
    }


def _check(uow: UnitOfWork, automation_id: UUID) -> None:
    automation = uow.get(Automation, automation_id)
    if automation.version_id is None or automation.trigger_kind not in STARTABLE:
        raise NotForCampaigns


def _check_audience(uow: UnitOfWork, audience: Audience) -> None:
    """Let an audience name what the clinic has. Raises NotFound."""
    if audience.tag_id is not None:
        uow.get(Tag, audience.tag_id)
    wanted = set(audience.stage_ids)
    theirs = (col(Stage.clinic_id) == uow.clinic_id, col(Stage.id).in_(wanted))
    if wanted and len(uow.session.scalars(select(col(Stage.id)).where(*theirs)).all()) < len(
        wanted
    ):
        raise NotFound("stage not found")


def _draft(uow: UnitOfWork, campaign_id: UUID, version: int) -> Campaign:
    campaign = _locked(uow, campaign_id)
    if campaign.state != "draft":
        raise CampaignUnderWay
    if campaign.version != version:
        raise StaleVersion(N_("Somebody has changed this campaign meanwhile."))
    return campaign


def _locked(uow: UnitOfWork, campaign_id: UUID) -> Campaign:
    """Lock a campaign: whoever works on a chunk of it is waited for. Raises NotFound."""
    found = uow.session.scalar(
        select(Campaign)
        .where(col(Campaign.clinic_id) == uow.clinic_id, col(Campaign.id) == campaign_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("campaign not found")
    return found
