"""The statement behind `replies`: since when a lead's patient waits for an answer."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)

from crm.accounts.models import Clinic
from crm.contacts.models import Contact
from crm.contacts.queries import canonical_of
from crm.core.bulk import among
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from crm.messaging.models import Communication
from pipelines.events import LeadCreated, LeadReplyWaived, LeadReplyWanted, LeadRequestedAgain
from pipelines.models import Lead, Pipeline

HORIZON = timedelta(days=30)
"""What is older and was never answered starts no clock any more."""

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
"""The columns of a pipeline and its clinic by which a time is promised."""


def clocks(uow: UnitOfWork, lead_ids: Collection[UUID]) -> Select[Any]:
    """Return the select of leads with the first thing that was asked after the last answer."""
    family = _family()
    words = (_last_answer(family), _last_told(), _last_waiver(family))
    last = func.greatest(*words, literal(uow.now - HORIZON, _TIME), type_=_TIME)
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


def _last_told() -> ColumnElement[datetime]:
    """When somebody last wrote down what the patient asked for."""
    return _of_lead(func.max(_events.c.at), _is_request(), _events.c.principal_kind == "user")


def _last_waiver(family: Any) -> ColumnElement[datetime]:
    """Until when it was last said that no answer is needed, and not taken back."""
    words = (LeadReplyWaived.name, LeadReplyWanted.name)
    later = _events.alias()
    next_word = (
        select(later.c.name)
        .where(
            later.c.clinic_id == _events.c.clinic_id,
            later.c.lead_id == _events.c.lead_id,
            later.c.name.in_(words),
            later.c.seq > _events.c.seq,
        )
        .order_by(later.c.seq)
        .limit(1)
        .correlate(_events)
        .scalar_subquery()
    )
    return (
        select(func.max(cast(_events.c.payload["seen_at"].astext, _TIME)))
        .where(
            _events.c.clinic_id == _leads.c.clinic_id,
            _events.c.contact_id == any_(family.c.ids),
            _events.c.name == LeadReplyWaived.name,
            next_word.is_distinct_from(LeadReplyWanted.name),
        )
        .correlate(_leads, family)
        .scalar_subquery()
    )


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
