"""The reply-due clock: by when somebody of the clinic should have answered a patient (ui.md §4).

It starts when a patient asks or writes, stands still outside the clinic's hours, and stops when
somebody answered: a text that a person wrote and that left, a call that reached the patient, or
somebody's word that none is needed. Looking, moving and automated texts leave it running.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    Select,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from crm.accounts.models import Clinic
from crm.compliance import quiet_hours, windows
from crm.contacts.models import Contact
from crm.contacts.queries import canonical_of, families
from crm.core.bulk import among, each_its_own
from crm.core.events import Event, EventRow
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from crm.messaging.models import Communication
from pipelines.events import (
    LeadCreated,
    LeadReplyDueChanged,
    LeadReplyWaived,
    LeadReplyWanted,
    LeadRequestedAgain,
)
from pipelines.models import Lead, Pipeline
from pipelines.moving import lock_leads

DUE_AFTER = timedelta(minutes=15)
"""What a new pipeline starts with."""

PURSUED = ("open", "booked")
"""The kinds of stages in which a patient waits for an answer."""

_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_pipelines: Any = Pipeline.__table__  # type: ignore[attr-defined]
_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]
_contacts: Any = Contact.__table__  # type: ignore[attr-defined]
_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]
_TIME = DateTime(timezone=True)

TERMS: Sequence[Any] = (
    *(_pipelines.c.reply_within_minutes, _clinics.c.timezone),
    *(_clinics.c.window_start_hour, _clinics.c.window_end_hour),
)
"""The columns of a pipeline and its clinic that `due_at` asks for."""


def due_at(asked_at: datetime, terms: Any) -> datetime | None:
    """Return when who asked then should have an answer; None where a pipeline promises none.

    Only minutes within the clinic's hours count; `terms` is a row with the columns of `TERMS`.
    """
    if terms.reply_within_minutes is None:
        return None
    left = timedelta(minutes=terms.reply_within_minutes)
    week = windows.week((), terms.window_start_hour, terms.window_end_hour)
    zones = (terms.timezone,)
    opening = quiet_hours.earliest_in(asked_at, zones, week)
    while opening is not None:
        closing = quiet_hours.closing(opening, zones, week)
        if opening + left <= closing:
            return opening + left
        left -= closing - opening
        opening = quiet_hours.earliest_in(closing, zones, week)
    return asked_at + left


def lock_theirs(uow: UnitOfWork, events: Iterable[Event]) -> Sequence[Row[Any]]:
    """Lock the leads that events name, and those of their patients that are still pursued.

    Rows of id, contact_id and unread_at, in the order of their ids.
    """
    told = list(events)
    named = {event.lead_id for event in told if event.lead_id}
    people = families(uow, {event.contact_id for event in told if event.contact_id})
    if not named and not people:
        return []
    theirs = and_(among(_leads.c.contact_id, sorted(people)), _leads.c.stage_kind.in_(PURSUED))
    return uow.session.execute(
        select(_leads.c.id, _leads.c.contact_id, _leads.c.unread_at)
        .where(_leads.c.clinic_id == uow.clinic_id, or_(among(_leads.c.id, sorted(named)), theirs))
        .order_by(_leads.c.id)
        .with_for_update(key_share=True)
    ).all()


def wind_clocks(uow: UnitOfWork, lead_ids: Collection[UUID]) -> None:
    """Work out anew by when these leads must be answered, and tell of those where that changed.

    The leads are locked. It reads what happened and adds nothing up: twice or late is as good.
    """
    if not lead_ids:
        return
    rows = uow.session.execute(_clocks(uow, lead_ids)).all()
    due = {row.id: due_at(row.asked_at, row) if row.asked_at else None for row in rows}
    changed = [row for row in rows if due[row.id] != row.reply_due_at]
    if not changed:
        return
    times = {row.id: time.isoformat() for row in changed if (time := due[row.id])}
    uow.session.execute(
        update(Lead)
        .where(_leads.c.clinic_id == uow.clinic_id, among(_leads.c.id, [row.id for row in changed]))
        .values(reply_due_at=cast(each_its_own(_leads.c.id, times), _TIME))
    )
    uow.emit(
        LeadReplyDueChanged(order_key=row.id, lead_id=row.id, contact_id=row.contact_id)
        for row in changed
    )


def waive_reply(uow: UnitOfWork, lead_id: UUID) -> None:
    """Note that what a patient asked or wrote needs no answer. Raises NotFound."""
    _say(uow, lead_id, LeadReplyWaived)


def want_reply(uow: UnitOfWork, lead_id: UUID) -> None:
    """Take back that no answer is needed. Raises NotFound."""
    _say(uow, lead_id, LeadReplyWanted)


def _say(
    uow: UnitOfWork, lead_id: UUID, word: type[LeadReplyWaived] | type[LeadReplyWanted]
) -> None:
    lead = lock_leads(uow, [lead_id])[lead_id]
    uow.emit(word(order_key=lead.id, lead_id=lead.id, contact_id=lead.contact_id))
    wind_clocks(uow, [lead.id])


def _clocks(uow: UnitOfWork, lead_ids: Collection[UUID]) -> Select[Any]:
    """Return the select of leads with the first thing that was asked after the last answer."""
    family = _family()
    never = cast(literal("-infinity"), _TIME)
    last = func.greatest(_last_answer(family), _last_word(), never, type_=_TIME)
    answered = select(last.label("at")).lateral("answered")
    asked = func.least(_first_text(family, answered), _first_request(answered))
    return (
        select(_leads.c.id, _leads.c.contact_id, _leads.c.reply_due_at, *TERMS)
        .add_columns(asked.label("asked_at"))
        .select_from(_leads)
        .join(
            _pipelines,
            (_pipelines.c.clinic_id == _leads.c.clinic_id)
            & (_pipelines.c.id == _leads.c.pipeline_id),
        )
        .join(_clinics, _clinics.c.id == _leads.c.clinic_id)
        .join(family, true())
        .join(answered, true())
        .where(_leads.c.clinic_id == uow.clinic_id, among(_leads.c.id, sorted(lead_ids)))
        .order_by(_leads.c.id)
    )


def _family() -> Any:
    """Return the ids of a lead's contact and of all that were merged with it, as one row."""
    named, member = _contacts.alias(), _contacts.alias()
    root = canonical_of(named.c)
    return (
        select(func.array_agg(member.c.id).label("ids"))
        .select_from(named)
        .join(
            member,
            (member.c.clinic_id == named.c.clinic_id)
            & or_(member.c.id == root, member.c.merged_into_id == root),
        )
        .where(named.c.clinic_id == _leads.c.clinic_id, named.c.id == _leads.c.contact_id)
        .correlate(_leads)
        .lateral("family")
    )


def _last_answer(family: Any) -> ColumnElement[datetime]:
    """When somebody last wrote what left, or spoke with the patient."""
    c = _texts.c
    is_text = and_(c.channel == "sms", c.status.in_(("sent", "delivered")))
    is_talk = and_(c.channel == "voice", c.provider_status == "completed", c.status != "voided")
    return (
        select(func.max(c.created_at))
        .where(
            c.clinic_id == _leads.c.clinic_id,
            c.contact_id == any_(family.c.ids),
            c.origin_kind == "user",
            or_(is_text, is_talk),
        )
        .correlate(_leads, family)
        .scalar_subquery()
    )


def _last_word() -> ColumnElement[datetime]:
    """When somebody last wrote down a request, or said that no answer is needed."""
    later = _events.alias()
    taken_back = (
        select(later.c.id)
        .where(
            later.c.clinic_id == _events.c.clinic_id,
            later.c.lead_id == _events.c.lead_id,
            later.c.name == LeadReplyWanted.name,
            later.c.seq > _events.c.seq,
        )
        .correlate(_events)
        .exists()
    )
    is_waiver = and_(_events.c.name == LeadReplyWaived.name, ~taken_back)
    is_told = and_(_is_request(), _events.c.principal_kind == "user")
    return _of_lead(func.max(_events.c.at), or_(is_waiver, is_told))


def _first_request(answered: Any) -> ColumnElement[datetime]:
    is_own = and_(_is_request(), _events.c.principal_kind != "user")
    return _of_lead(func.min(_events.c.at), is_own, _events.c.at > answered.c.at, also=answered)


def _is_request() -> ColumnElement[bool]:
    is_request: ColumnElement[bool] = _events.c.name.in_(
        (LeadCreated.name, LeadRequestedAgain.name)
    )
    return is_request


def _of_lead(what: Any, *which: ColumnElement[bool], also: Any = _leads) -> ColumnElement[datetime]:
    return (
        select(what)
        .where(_events.c.clinic_id == _leads.c.clinic_id, _events.c.lead_id == _leads.c.id, *which)
        .correlate(_leads, also)
        .scalar_subquery()
    )


def _first_text(family: Any, answered: Any) -> ColumnElement[datetime]:
    """When the patient first wrote since then; a keyword asks for no answer."""
    return (
        select(func.min(_events.c.at))
        .where(
            _events.c.clinic_id == _leads.c.clinic_id,
            _events.c.contact_id == any_(family.c.ids),
            _events.c.name == TextReceived.name,
            _events.c.payload["keyword"].astext.is_(None),
            _events.c.at > answered.c.at,
        )
        .correlate(_leads, family, answered)
        .scalar_subquery()
    )
