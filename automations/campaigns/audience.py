"""Whom a campaign is for: a typed filter over contacts and their leads, and its one statement."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field
from sqlalchemy import ColumnElement, and_, any_, case, exists, func, select, true
from sqlalchemy.sql.functions import coalesce

from crm.accounts.models import Clinic
from crm.contacts.models import Address, AddressKind, Contact, ContactAddress
from crm.core.uow import UnitOfWork
from crm.messaging.facts.statement import LEFT
from crm.messaging.models import Communication
from crm.web.forms import InputModel
from pipelines.lead.models import LeadTag
from pipelines.models import Lead, StageKind

_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_links: Any = ContactAddress.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_marks: Any = LeadTag.__table__  # type: ignore[attr-defined]
_texts: Any = Communication.__table__  # type: ignore[attr-defined]

MOST_STAGES = 100


class Audience(InputModel):
    """Whom a campaign is for; what is not given lets everybody pass.

    The conditions on a lead are met by one and the same lead. `came_from` and `came_until` are days
    of the clinic, both included, on which the contact was first known. `quiet_days`: for that long
    nobody of the clinic has written to or called them.
    """

    model_config = ConfigDict(frozen=True)

    stage_ids: Annotated[tuple[UUID, ...], Field(max_length=MOST_STAGES)] = ()
    stage_kind: StageKind | None = None
    tag_id: UUID | None = None
    source: Annotated[str | None, Field(max_length=200)] = None
    service: Annotated[str | None, Field(max_length=200)] = None
    language: Literal["en", "es"] | None = None
    came_from: date | None = None
    came_until: date | None = None
    quiet_days: Annotated[int | None, Field(ge=1, le=3650)] = None
    has: AddressKind | None = None

    @property
    def is_about_leads(self) -> bool:
        """Whether only who has a certain lead is in it."""
        return bool(self.stage_ids or self.stage_kind or self.tag_id or self.source or self.service)


def people_of(
    audience: Audience, clinic_id: UUID, zone: ZoneInfo, now: datetime, beside: Iterable[Any] = ()
) -> Any:
    """Return the select of (contact_id, lead_id) of whoever is in an audience, to be narrowed.

    Whoever was merged into another is that one. The lead is the one that what they are sent shall
    be about: open before booked or won, then the newest; none where it is lost, for what is about
    a lost lead is not sent. It is built on `contacts`, whose id orders it; `beside` are laterals
    that may find nothing.
    """
    c, lead = _contacts.c, _lead_of(audience)
    source = _contacts.join(lead, true(), isouter=not audience.is_about_leads)
    for lateral in beside:
        source = source.outerjoin(lateral, true())
    return (
        select(c.id.label("contact_id"), lead.c.lead_id)
        .select_from(source)
        .where(c.clinic_id == clinic_id, c.merged_into_id.is_(None))
        .where(*_of_contact(audience, zone, now))
        .order_by(c.id)
    )


def zone_of(uow: UnitOfWork) -> ZoneInfo:
    """Return the clinic's zone, by whose days an audience is meant."""
    return ZoneInfo(uow.session.get_one(Clinic, uow.clinic_id).timezone)


def family() -> Any:
    """Return the ids of the contact of the statement around it and of those merged into it."""
    child = _contacts.alias("child")
    own = select(_contacts.c.id).correlate(_contacts)
    merged = select(child.c.id).where(
        child.c.clinic_id == _contacts.c.clinic_id, child.c.merged_into_id == _contacts.c.id
    )
    # An array, so that rows are looked up by it; joined, the clinic's are all read.
    both = own.union_all(merged.correlate(_contacts))
    return any_(func.array(both.scalar_subquery()))


def latest_address(kind: str, name: str) -> Any:
    """Return the lateral address that a contact gave last, as `queue_texts` chooses it."""
    its = and_(_addresses.c.clinic_id == _links.c.clinic_id, _addresses.c.id == _links.c.address_id)
    return (
        select(_addresses.c.id)
        .select_from(_links.join(_addresses, its))
        .where(
            _links.c.clinic_id == _contacts.c.clinic_id,
            _links.c.contact_id == _contacts.c.id,
            _addresses.c.kind == kind,
        )
        .order_by(_links.c.created_at.desc(), _links.c.id.desc())
        .limit(1)
        .correlate(_contacts)
        .lateral(name)
    )


def _lead_of(audience: Audience) -> Any:
    """The lead of a contact that meets the conditions and comes first."""
    own = _leads.c
    meant = (
        select(own.id, own.stage_kind)
        .where(
            own.clinic_id == _contacts.c.clinic_id,
            own.contact_id == family(),
            *_of_lead(audience),
        )
        .order_by(_RANK, own.created_at.desc(), own.id.desc())
        .limit(1)
        .correlate(_contacts)
        .subquery("meant")
    )
    pursued = case((meant.c.stage_kind != "lost", meant.c.id))
    return select(pursued.label("lead_id")).lateral("its_lead")


def _of_lead(audience: Audience) -> Iterator[ColumnElement[bool]]:
    own = _leads.c
    if audience.stage_ids:
        yield own.stage_id.in_(audience.stage_ids)
    if audience.stage_kind:
        yield own.stage_kind == audience.stage_kind
    if audience.source:
        yield own.source == audience.source
    if audience.service:
        yield own.service == audience.service
    if audience.tag_id:
        yield exists().where(
            _marks.c.clinic_id == own.clinic_id,
            _marks.c.lead_id == own.id,
            _marks.c.tag_id == audience.tag_id,
        )


def _of_contact(audience: Audience, zone: ZoneInfo, now: datetime) -> Iterator[ColumnElement[bool]]:
    c = _contacts.c
    if audience.language:
        yield c.language == audience.language
    if audience.came_from:
        yield c.created_at >= _midnight(audience.came_from, zone)
    if audience.came_until:
        yield c.created_at < _midnight(audience.came_until + timedelta(days=1), zone)
    if audience.has:
        yield exists(select(latest_address(audience.has, "had").c.id))
    if audience.quiet_days:
        since = now - timedelta(days=audience.quiet_days)
        yield ~exists().where(
            _texts.c.clinic_id == c.clinic_id,
            _texts.c.contact_id == family(),
            _texts.c.direction == "out",
            _texts.c.status.in_(LEFT),
            coalesce(_texts.c.taken_at, _texts.c.created_at) >= since,
        )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


_RANK = case({"open": 0, "booked": 1, "won": 2}, value=_leads.c.stage_kind, else_=3)
