"""The selects of a lead's page: each small, all asked for with one statement."""

from typing import Any
from uuid import UUID

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from crm.accounts.models import Clinic, Membership, User
from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Address, Contact, ContactAddress
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import CHANNELS_OF, TEST
from crm.messaging.models import (
    OPEN_STATUSES,
    ChannelAccount,
    Communication,
    Sender,
    Template,
    TemplateVersion,
)
from crm.messaging.states import NEEDS_PERSON
from pipelines.lead.models import LeadTag, Tag, Visit
from pipelines.models import Lead, LostReason, Stage

MOST_TAGS, MOST_TEMPLATES = 200, 100


def _table(model: Any) -> Any:
    return model.__table__


_leads, _stages, _reasons = _table(Lead), _table(Stage), _table(LostReason)
_contacts, _addresses, _links = _table(Contact), _table(Address), _table(ContactAddress)
_texts, _senders, _accounts = _table(Communication), _table(Sender), _table(ChannelAccount)
_consents, _suppressions = _table(Consent), _table(Suppression)
_templates, _versions = _table(Template), _table(TemplateVersion)
_tags, _marks, _visits = _table(Tag), _table(LeadTag), _table(Visit)
_clinics, _members, _users = _table(Clinic), _table(Membership), _table(User)


def family(uow: UnitOfWork, lead_id: UUID) -> Any:
    """Return the subquery of the contacts that are a lead's person: merged ones count as one."""
    canonical = _canonical(uow, lead_id)
    return select(_contacts.c.id).where(
        _contacts.c.clinic_id == uow.clinic_id,
        or_(_contacts.c.id == canonical, _contacts.c.merged_into_id == canonical),
    )


def _canonical(uow: UnitOfWork, lead_id: UUID) -> Any:
    whole = func.coalesce(_contacts.c.merged_into_id, _contacts.c.id)
    return (
        select(whole)
        .where(
            _contacts.c.clinic_id == uow.clinic_id,
            _contacts.c.id == _of_lead(uow, lead_id, "contact_id"),
        )
        .scalar_subquery()
    )


def _of_lead(uow: UnitOfWork, lead_id: UUID, column: str) -> Any:
    mine = (_leads.c.clinic_id == uow.clinic_id, _leads.c.id == lead_id)
    return select(_leads.c[column]).where(*mine).scalar_subquery()


def asked(uow: UnitOfWork, lead_id: UUID) -> dict[str, Any]:
    """Return every select of a lead's page by its name."""
    return {
        **_about_lead(uow, lead_id),
        **_about_addresses(uow, lead_id),
        **_about_texts(uow, lead_id),
        **_about_desk(uow, lead_id),
    }


def _about_lead(uow: UnitOfWork, lead_id: UUID) -> dict[str, Any]:
    return {
        "lead": select(_leads).where(_leads.c.clinic_id == uow.clinic_id, _leads.c.id == lead_id),
        "person": select(_contacts).where(
            _contacts.c.clinic_id == uow.clinic_id, _contacts.c.id == _canonical(uow, lead_id)
        ),
        "clinic": select(_clinics).where(_clinics.c.id == uow.clinic_id),
        "stages": select(_stages)
        .where(
            _stages.c.clinic_id == uow.clinic_id,
            _stages.c.pipeline_id == _of_lead(uow, lead_id, "pipeline_id"),
        )
        .order_by(_stages.c.position, _stages.c.id),
        "lost_reasons": select(_reasons)
        .where(_reasons.c.clinic_id == uow.clinic_id)
        .order_by(_reasons.c.position, _reasons.c.name),
    }


def _about_addresses(uow: UnitOfWork, lead_id: UUID) -> dict[str, Any]:
    theirs = select(_links.c.address_id).where(
        _links.c.clinic_id == uow.clinic_id, _links.c.contact_id.in_(family(uow, lead_id))
    )
    return {
        "addresses": _with_opt_outs(uow, lead_id),
        "consents": _last_words(uow, theirs),
        "talks": _talks(uow, theirs),
    }


def _with_opt_outs(uow: UnitOfWork, lead_id: UUID) -> Any:
    """The addresses, the one given last first, each with the opt-out that holds."""
    since = func.max(_links.c.created_at).label("since")
    by_kind = case(CHANNELS_OF, value=_addresses.c.kind)
    return (
        select(
            *(_addresses.c.id, _addresses.c.kind, _addresses.c.value, since),
            _suppressions.c.reason.label("suppressed_for"),
            _suppressions.c.created_at.label("suppressed_at"),
        )
        .join(
            _links,
            (_links.c.clinic_id == _addresses.c.clinic_id)
            & (_links.c.address_id == _addresses.c.id),
        )
        .outerjoin(
            _suppressions,
            (_suppressions.c.clinic_id == _addresses.c.clinic_id)
            & (_suppressions.c.address_id == _addresses.c.id)
            & (_suppressions.c.channel == by_kind)
            & _suppressions.c.lifted_at.is_(None),
        )
        .where(
            _addresses.c.clinic_id == uow.clinic_id,
            _links.c.contact_id.in_(family(uow, lead_id)),
        )
        .group_by(
            *(_addresses.c.id, _addresses.c.kind, _addresses.c.value),
            *(_suppressions.c.reason, _suppressions.c.created_at),
        )
        .order_by(since.desc(), _addresses.c.id.desc())
    )


def _last_words(uow: UnitOfWork, address_ids: Any) -> Any:
    """What each address said last about each channel and purpose."""
    which = (_consents.c.address_id, _consents.c.channel, _consents.c.purpose)
    return (
        select(_consents)
        .where(_consents.c.clinic_id == uow.clinic_id, _consents.c.address_id.in_(address_ids))
        .ext(distinct_on(*which))
        .order_by(*which, _consents.c.seq.desc())
    )


def _talks(uow: UnitOfWork, address_ids: Any) -> Any:
    """What passed by text with each address: was it ever texted, when did it answer last."""
    c = _texts.c
    arrived = c.status.in_(("sending", "unconfirmed", "sent", "delivered"))
    is_test = c.origin_kind.is_not_distinct_from(TEST)
    said = (c.direction == "out") & (c.message_class != "system") & ~is_test & arrived
    refused = (c.direction == "out") & (c.reason == "not_textable")
    return (
        select(
            c.address_id,
            func.coalesce(func.bool_or(said), False).label("was_texted"),
            func.max(c.created_at).filter(c.direction == "in").label("last_in_at"),
            func.max(c.settled_at).filter(refused).label("refused_at"),
        )
        .where(c.clinic_id == uow.clinic_id, c.address_id.in_(address_ids), c.channel == "sms")
        .group_by(c.address_id)
    )


def _about_texts(uow: UnitOfWork, lead_id: UUID) -> dict[str, Any]:
    c = _texts.c
    ours = (c.clinic_id == uow.clinic_id, c.lead_id == lead_id, c.direction == "out")
    return {
        "waiting": select(
            *(c.id, c.status, c.due_at, c.held_reason, c.reason, c.dead_at, c.origin_kind),
            *(
                c.channel,
                c.origin_id,
                c.body,
                c.is_overtakable,
                c.created_at,
                _users.c.name.label("writer"),
            ),
        )
        .outerjoin(_users, (c.origin_kind == "user") & (_users.c.id == c.origin_id))
        .where(*ours, c.status.in_(OPEN_STATUSES))
        .order_by(c.id.desc()),
        "unsure": select(c.reason).where(*ours, c.reason == NEEDS_PERSON).limit(1),
        "last_by_hand": select(c.id, c.origin_id, c.created_at, _users.c.name.label("writer"))
        .outerjoin(_users, _users.c.id == c.origin_id)
        .where(*ours, c.origin_kind == "user", c.channel == "sms", c.status != "voided")
        .order_by(c.id.desc())
        .limit(1),
        "accounts": _accounts_of(uow),
        "templates": _offered(uow),
    }


def _accounts_of(uow: UnitOfWork) -> Any:
    its = (_accounts.c.clinic_id == _senders.c.clinic_id) & (
        _accounts.c.id == _senders.c.account_id
    )
    mine = (_senders.c.clinic_id == uow.clinic_id, _senders.c.channel == "sms")
    return select(_accounts.c.is_paused).join(_senders, its).where(*mine)


def _offered(uow: UnitOfWork) -> Any:
    """The templates that a person may send: published, heard, and not selling."""
    published = (_versions.c.clinic_id == _templates.c.clinic_id) & (
        _versions.c.id == _templates.c.version_id
    )
    return (
        select(_templates.c.id, _templates.c.name, _versions.c.bodies)
        .join(_versions, published)
        .where(
            _templates.c.clinic_id == uow.clinic_id,
            _templates.c.channel == "sms",
            # What sells needs a consent of its own, which a person's text does not ask for (LAW-2).
            _templates.c.message_class != "marketing",
            _templates.c.paused_version_id.is_distinct_from(_templates.c.version_id),
        )
        .order_by(_templates.c.name)
        .limit(MOST_TEMPLATES)
    )


def _about_desk(uow: UnitOfWork, lead_id: UUID) -> dict[str, Any]:
    marked = (_marks.c.clinic_id == _tags.c.clinic_id) & (_marks.c.tag_id == _tags.c.id)
    return {
        "tags": select(_tags.c.id, _tags.c.name)
        .join(_marks, marked)
        .where(_tags.c.clinic_id == uow.clinic_id, _marks.c.lead_id == lead_id)
        .order_by(_tags.c.folded),
        "every_tag": select(_tags.c.id, _tags.c.name)
        .where(_tags.c.clinic_id == uow.clinic_id)
        .order_by(_tags.c.folded)
        .limit(MOST_TAGS),
        "members": select(_users.c.id, _users.c.name)
        .join(_members, _members.c.user_id == _users.c.id)
        .where(_members.c.clinic_id == uow.clinic_id, _members.c.ended_at.is_(None))
        .order_by(_users.c.name),
        "visits": select(
            *(_visits.c.user_id, _visits.c.seen_at, _visits.c.wrote_at, _visits.c.draft),
            _users.c.name,
        )
        .join(_users, _users.c.id == _visits.c.user_id)
        .where(_visits.c.clinic_id == uow.clinic_id, _visits.c.lead_id == lead_id),
    }
