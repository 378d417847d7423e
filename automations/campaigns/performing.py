"""What a worker does with a campaign: gather its people, then let them in, chunk by chunk.

Each chunk is one transaction that holds the campaign's row under the worker's token: who pauses or
stops it waits for the chunk, or has taken the token. So whoever dies anywhere leaves whole chunks.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from automations.campaigns.actions import changed
from automations.campaigns.audience import Audience, people_of, zone_of
from automations.campaigns.models import GOING, Campaign, CampaignPerson
from automations.campaigns.reach import Standing, plan_for, standings
from automations.events import CampaignReached, EnrollmentRefused
from automations.matching import admit
from automations.models import BULK, Automation
from automations.runner import AUTOMATION
from automations.subjects import lock_people
from automations.versions import definitions
from automations.walking import PAUSED_FOR
from crm.contacts.models import Contact
from crm.contacts.queries import canonical_ids, families
from crm.core.bulk import among, each_its_own, insert_rows
from crm.core.database import INDEXED
from crm.core.errors import N_
from crm.core.ids import new_id
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work

GATHERED_AT_ONCE = 1_000
ENTER_AT_ONCE = 100

MINUTES: Mapping[str, int] = {"minute": 1, "hour": 60}

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_people: Any = CampaignPerson.__table__  # type: ignore[attr-defined]
_p = _people.c


def perform_campaigns(runtime: Runtime, claim: Claim) -> None:
    """Take each claimed campaign one chunk further, each in a transaction of its own.

    One that was paused, stopped or taken over since the claim is left alone.
    """
    for campaign_id in claim.ids:
        with runtime.database.transaction(
            claim.clinic_id, AUTOMATION, step="campaign", plans=INDEXED
        ) as uow:
            campaign = _held(uow, campaign_id, claim.token)
            if campaign is not None:
                take_chunk(uow, campaign)


def take_chunk(uow: UnitOfWork, campaign: Campaign) -> None:
    """Gather a chunk of a campaign's people, or let a chunk of them in; its row is locked."""
    if campaign.gathered_at is None:
        _gather(uow, campaign)
        return
    automation = uow.get(Automation, campaign.automation_id)
    if automation.state == "paused" or automation.version_id is None:
        # Nobody may enter now; those who wait would all be turned away.
        _go_on(uow, campaign, PAUSED_FOR)
        return
    waiting = _next(uow, campaign)
    if not waiting:
        _finish(uow, campaign)
        return
    entered = _let_in(uow, campaign, automation.version_id, waiting)
    _go_on(uow, campaign, timedelta(minutes=entered / _per_minute(campaign)))


def _held(uow: UnitOfWork, campaign_id: UUID, token: UUID) -> Campaign | None:
    return uow.session.scalar(
        select(Campaign)
        .where(
            col(Campaign.clinic_id) == uow.clinic_id,
            col(Campaign.id) == campaign_id,
            col(Campaign.lease_token) == token,
            col(Campaign.state).in_(GOING),
        )
        .with_for_update()
    )


def _gather(uow: UnitOfWork, campaign: Campaign) -> None:
    """Note the next people of the audience, who are as they are now, behind the cursor."""
    found = uow.session.execute(_gathering(uow, campaign)).one()
    campaign.people += found.added
    if found.found < GATHERED_AT_ONCE:
        campaign.gathered_at = uow.now
        changed(uow, campaign, "running")
    else:
        campaign.cursor = found.last
        changed(uow, campaign, "gathering")
    _go_on(uow, campaign, timedelta())


def _gathering(uow: UnitOfWork, campaign: Campaign) -> Select[Any]:
    """One statement that adds a chunk and says how many there were, how many new, who was last."""
    audience = Audience.model_validate(campaign.audience)
    people = people_of(audience, uow.clinic_id, zone_of(uow), uow.now)
    if campaign.cursor is not None:
        people = people.where(_contacts.c.id > campaign.cursor)
    chunk = people.limit(GATHERED_AT_ONCE).cte("chunk")
    row = (
        literal(uow.clinic_id),
        func.gen_random_uuid(),
        literal(campaign.id),
        chunk.c.contact_id,
        chunk.c.lead_id,
        literal("waiting"),
    )
    names = ("clinic_id", "id", "campaign_id", "contact_id", "lead_id", "result")
    added = (
        insert(_people)
        .from_select(names, select(*row))
        .on_conflict_do_nothing()
        .returning(_p.id)
        .cte("added")
    )
    last = select(chunk.c.contact_id).order_by(chunk.c.contact_id.desc()).limit(1)
    return select(
        select(func.count()).select_from(chunk).scalar_subquery().label("found"),
        select(func.count()).select_from(added).scalar_subquery().label("added"),
        last.scalar_subquery().label("last"),
    )


def _next(uow: UnitOfWork, campaign: Campaign) -> list[UUID]:
    """Return who comes next: as many as a minute lets in, at most a chunk."""
    most = max(1, min(ENTER_AT_ONCE, round(_per_minute(campaign))))
    waiting = (
        select(_p.contact_id)
        .where(
            _p.clinic_id == uow.clinic_id,
            _p.campaign_id == campaign.id,
            _p.result == "waiting",
        )
        .order_by(_p.contact_id)
        .limit(most)
    )
    return list(uow.session.scalars(waiting))


def _let_in(uow: UnitOfWork, campaign: Campaign, version_id: UUID, waiting: Sequence[UUID]) -> int:
    """Let these people in, or note why not, by what is true now; return how many entered."""
    lock_people(uow, set(families(uow, waiting)))
    merged = {one: into for one, into in canonical_ids(uow, waiting).items() if one != into}
    _let_succeed(uow, campaign, sorted(set(merged.values())))
    definition = definitions(uow, [version_id])[version_id]
    audience = Audience.model_validate(campaign.audience)
    plan = plan_for(uow, audience, campaign.automation_id, definition)
    known = standings(uow, plan, waiting)
    results = dict.fromkeys(waiting, "no_longer") | dict.fromkeys(merged, "merged")
    results |= {one: standing.reason for one, standing in known.items() if standing.reason}
    _tell_left_out(uow, campaign, known)
    enrollments, refused = _admit(uow, campaign, known)
    results |= refused | dict.fromkeys(enrollments, "entered")
    leads = {one: standing.lead_id for one, standing in known.items() if standing.lead_id}
    _note(uow, campaign, results, enrollments, leads)
    campaign.entered += len(enrollments)
    campaign.left_out += len(results) - len(enrollments)
    uow.tell(CampaignReached.name)
    return len(enrollments)


def _admit(
    uow: UnitOfWork, campaign: Campaign, known: Mapping[UUID, Standing]
) -> tuple[dict[UUID, UUID], dict[UUID, str]]:
    """Start the sequence for whoever can be reached: their enrollments, and whom it refused."""
    reached = [
        CampaignReached(
            order_key=standing.lead_id or contact_id,
            contact_id=contact_id,
            lead_id=standing.lead_id,
            automation_id=campaign.automation_id,
            campaign_id=campaign.id,
        )
        for contact_id, standing in known.items()
        if standing.reason is None
    ]
    uow.emit(reached)
    admission = admit(uow, reached)
    uow.ring("enrollments", [one.id for one in admission.entered], BULK)
    refused = {entry.subject.contact_id: reason for entry, reason in admission.refused}
    return {one.contact_id: one.id for one in admission.entered}, refused


def _tell_left_out(uow: UnitOfWork, campaign: Campaign, known: Mapping[UUID, Standing]) -> None:
    """Put on record whom the sequence does not reach, as whom its own rules turn away."""
    uow.emit(
        EnrollmentRefused(
            order_key=standing.lead_id or contact_id,
            contact_id=contact_id,
            lead_id=standing.lead_id,
            automation_id=campaign.automation_id,
            reason=standing.reason,
        )
        for contact_id, standing in known.items()
        if standing.reason is not None
    )


def _let_succeed(uow: UnitOfWork, campaign: Campaign, contact_ids: Sequence[UUID]) -> None:
    """Let whom somebody was merged into wait in their stead, unless they are in it themselves."""
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": new_id(),
            "campaign_id": campaign.id,
            "contact_id": contact_id,
            "result": "waiting",
        }
        for contact_id in contact_ids
    ]
    added = insert_rows(uow.session, _people, rows, skip_known=True, returning=("id",))
    campaign.people += len(added)


def _note(
    uow: UnitOfWork,
    campaign: Campaign,
    results: Mapping[UUID, str],
    enrollments: Mapping[UUID, UUID],
    leads: Mapping[UUID, UUID],
) -> None:
    """Write what became of each person."""
    entered = {one: str(enrollment_id) for one, enrollment_id in enrollments.items()}
    about = {one: str(lead_id) for one, lead_id in leads.items()}
    uow.session.execute(
        update(_people)
        .where(
            _p.clinic_id == uow.clinic_id,
            _p.campaign_id == campaign.id,
            among(_p.contact_id, sorted(results)),
            _p.result == "waiting",
        )
        .values(
            result=each_its_own(_p.contact_id, results),
            enrollment_id=cast(each_its_own(_p.contact_id, entered), Uuid),
            lead_id=func.coalesce(cast(each_its_own(_p.contact_id, about), Uuid), _p.lead_id),
            decided_at=uow.now,
        )
    )


def _finish(uow: UnitOfWork, campaign: Campaign) -> None:
    campaign.ended_at = uow.now
    campaign.due_at, campaign.lease_until, campaign.lease_token = None, None, None
    changed(uow, campaign, "finished")


def _go_on(uow: UnitOfWork, campaign: Campaign, after: timedelta) -> None:
    """Give the campaign back: due again then, at once by a ring."""
    campaign.attempts, campaign.last_error = 0, None
    campaign.due_at, campaign.lease_until, campaign.lease_token = uow.now + after, None, None
    if not after:
        campaign.lease_until = uow.reserved_until
        uow.ring("campaigns", [campaign.id], campaign.queue)


def _per_minute(campaign: Campaign) -> float:
    return campaign.rate / MINUTES[campaign.rate_per]


# One at a time: a chunk takes a while, and a campaign that waits for others' would lose its lease.
CAMPAIGNS = Work(
    "campaigns", "campaigns", perform_campaigns, limit=1, title=N_("A campaign"), what="t.name"
)
