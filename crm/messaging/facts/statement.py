"""The one statement that reads what is known of queued texts; built once, to stay prepared."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, any_, bindparam, case, cast, exists, func, select, true
from sqlalchemy.sql.functions import coalesce
from sqlalchemy.types import Uuid

from crm.accounts.models import Clinic
from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Address, Contact
from crm.contacts.queries import canonical_of
from crm.core.bulk import given
from crm.core.events import EventRow
from crm.messaging.actions.queuing import TEST
from crm.messaging.events import TextReceived
from crm.messaging.models import (
    ChannelAccount,
    Communication,
    Conversation,
    Sender,
    Template,
    TemplateVersion,
)
from crm.messaging.writes import still_held

AUTOMATED = ("care", "marketing")
LEFT = ("sending", "unconfirmed", "sent", "delivered", "undelivered")
"""The states of a text that left, or may have."""


def _table(model: Any, name: str) -> Any:
    return model.__table__.alias(name)


_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_text: Any = _texts.c


def _history() -> Any:
    """What passed between the clinic and the address: one look at its communications."""
    other = _table(Communication, "other")
    left = and_(other.c.direction == "out", other.c.status.in_(LEFT))
    # What did not arrive told nobody who we are and how to end it, nor did a test.
    arrived = and_(
        left,
        other.c.status != "undelivered",
        other.c.message_class != "system",
        other.c.origin_kind.is_distinct_from(TEST),
    )
    recent = and_(
        left, other.c.message_class.in_(AUTOMATED), other.c.taken_at > bindparam("week_ago")
    )
    refused = and_(other.c.direction == "out", other.c.reason == "not_textable")
    return (
        select(
            func.array_agg(other.c.taken_at).filter(recent).label("sent_at"),
            func.max(other.c.created_at).filter(other.c.direction == "in").label("last_in_at"),
            func.max(other.c.settled_at).filter(refused).label("refused_at"),
            func.bool_or(arrived).label("was_texted"),
        )
        .where(
            other.c.clinic_id == _text.clinic_id,
            other.c.address_id == _text.address_id,
            other.c.channel == _text.channel,
            other.c.id != _text.id,
        )
        .lateral("history")
    )


def _answers_at() -> Any:
    """When the patient wrote what led to the text: no keyword, and no other talk (LAW-26)."""
    event = _table(EventRow, "event")
    causes = func.jsonb_array_elements_text(_text.cause).table_valued("value", name="causes")
    told = select(cast(causes.c.value, Uuid)).correlate(_texts)
    return (
        select(func.max(event.c.at))
        .where(
            event.c.clinic_id == _text.clinic_id,
            # An array, so that its events are looked up; joined, the clinic's are all read.
            event.c.id == any_(func.array(told.scalar_subquery())),
            event.c.name == TextReceived.name,
            event.c.order_key == _text.address_id,
            event.c.payload["keyword"].astext.is_(None),
        )
        .correlate(_texts)
        .scalar_subquery()
    )


def _consent() -> Any:
    """The last word of the ledger on the text's purpose."""
    consent = _table(Consent, "consent")
    purpose = case((_text.message_class == "marketing", "marketing"), else_="care")
    return (
        select(consent.c.id, consent.c.tier, consent.c.action)
        .where(
            consent.c.clinic_id == _text.clinic_id,
            consent.c.address_id == _text.address_id,
            consent.c.channel == _text.channel,
            consent.c.purpose == purpose,
        )
        .order_by(consent.c.seq.desc())
        .limit(1)
        .lateral("latest_consent")
    )


def _sender() -> Any:
    """The number to send from: the one asked for, else the one they talked with last (TW-50).

    Emails leave from the address that was connected last, whoever got some from another before.
    """
    sender, account = _table(Sender, "s"), _table(ChannelAccount, "account")
    talk = _table(Conversation, "talk")
    return (
        select(
            *(sender.c.id, sender.c.value, account.c.id.label("account_id")),
            *(account.c.provider, account.c.version, account.c.is_paused),
        )
        .join(
            account,
            and_(account.c.clinic_id == sender.c.clinic_id, account.c.id == sender.c.account_id),
        )
        .outerjoin(
            talk,
            and_(
                talk.c.clinic_id == sender.c.clinic_id,
                talk.c.sender_id == sender.c.id,
                talk.c.address_id == _text.address_id,
            ),
        )
        .where(sender.c.clinic_id == _text.clinic_id, sender.c.channel == _text.channel)
        .order_by(
            case((_text.channel == "email", sender.c.is_default)).desc(),
            (sender.c.id == coalesce(_text.sender_id, sender.c.id)).desc(),
            func.greatest(talk.c.last_in_at, talk.c.last_out_at).desc().nulls_last(),
            sender.c.is_default.desc(),
            sender.c.id,
        )
        .limit(1)
        .lateral("sender")
    )


def _of(table: Any, key: Any) -> Any:
    """The row of a clinic's table that a text names."""
    return and_(table.c.clinic_id == _text.clinic_id, table.c.id == key)


def _is_paused(template: Any) -> Any:
    """Whether the very words of the text are those that its template may not say now."""
    return template.c.paused_version_id == _text.template_version_id


def _is_suppressed() -> Any:
    suppression = _table(Suppression, "suppression")
    return exists().where(
        suppression.c.clinic_id == _text.clinic_id,
        suppression.c.address_id == _text.address_id,
        suppression.c.channel == _text.channel,
        suppression.c.lifted_at.is_(None),
    )


def _statement() -> Select[Any]:
    history, consent, sender = _history(), _consent(), _sender()
    address, version = _table(Address, "address"), _table(TemplateVersion, "version")
    contact, canonical = _table(Contact, "contact"), _table(Contact, "canonical")
    clinic, template = _table(Clinic, "clinic"), _table(Template, "template")
    return (
        select(
            *(*_own_columns(), *_clinic_columns(clinic), *_person_columns(address, canonical)),
            _answers_at().label("answers_at"),
            *(
                version.c.bodies,
                version.c.subjects,
                _is_paused(template).label("is_template_paused"),
                template.c.message_class.label("template_class"),
            ),
            *(*_consent_columns(consent), *history.c, *_sender_columns(sender)),
        )
        .select_from(_texts)
        .join(clinic, clinic.c.id == _text.clinic_id)
        .join(address, _of(address, _text.address_id))
        .outerjoin(contact, _of(contact, _text.contact_id))
        .outerjoin(canonical, _of(canonical, canonical_of(contact.c)))
        .outerjoin(version, _of(version, _text.template_version_id))
        .outerjoin(template, _of(template, version.c.template_id))
        .join(history, true())
        .outerjoin(consent, true())
        .outerjoin(sender, true())
        .where(still_held(given(_text.id)))
        .order_by(_text.id)
    )


def _person_columns(address: Any, canonical: Any) -> Sequence[Any]:
    return [
        address.c.kind,
        address.c.value,
        canonical.c.name.label("contact_name"),
        coalesce(_text.language, canonical.c.language).label("language"),
        canonical.c.timezone.label("contact_zone"),
    ]


def _consent_columns(consent: Any) -> Sequence[Any]:
    return [
        _is_suppressed().label("is_suppressed"),
        consent.c.id.label("latest_consent_id"),
        consent.c.tier,
        consent.c.action.label("consent_action"),
    ]


def _sender_columns(sender: Any) -> Sequence[Any]:
    return [
        sender.c.id.label("use_sender_id"),
        sender.c.value.label("sender_value"),
        sender.c.account_id,
        sender.c.provider,
        sender.c.version.label("account_version"),
        sender.c.is_paused,
    ]


def _own_columns() -> Sequence[Any]:
    names = (
        *("id", "address_id", "contact_id", "lead_id", "message_class", "origin_kind"),
        *("origin_id", "template_version_id", "body", "merge_values", "useful_until"),
        *("created_at", "attempts", "resends", "cause", "taken_at", "attempt_id"),
        *("retry_of", "error_code", "is_overtakable", "channel"),
    )
    return [_text[name] for name in names]


def _clinic_columns(clinic: Any) -> Sequence[Any]:
    names = (
        *("region", "is_holding_sends", "window_start_hour", "window_end_hour"),
        *("daily_cap", "clinic_daily_cap", "postal_address"),
    )
    return [
        clinic.c.name.label("clinic_name"),
        clinic.c.phone.label("clinic_phone"),
        clinic.c.language.label("clinic_language"),
        clinic.c.timezone.label("clinic_zone"),
        *(clinic.c[name] for name in names),
    ]


STATEMENT = _statement().with_for_update(of=_texts)
