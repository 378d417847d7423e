"""Reads of communications and of what a clinic texts with, for pages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, null, select
from sqlmodel import col

from crm.accounts.models import Clinic
from crm.contacts.models import Address
from crm.core.asking import Asking
from crm.core.errors import N_
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.models import (
    ChannelAccount,
    Communication,
    SendDay,
    Sender,
    Template,
    TemplateVersion,
)
from crm.messaging.rendering import preview
from crm.web.language import _

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_addresses: Any = Address.__table__  # type: ignore[attr-defined]
_accounts: Any = ChannelAccount.__table__  # type: ignore[attr-defined]
_senders: Any = Sender.__table__  # type: ignore[attr-defined]

MOST_SHOWN = 50

_NEEDS_PERSON = _texts.c.reason == states.NEEDS_PERSON


@dataclass(frozen=True)
class UncertainText:
    """A text of which only a person can find out whether it was sent: whose, and when it left."""

    id: UUID
    lead_id: UUID | None
    phone: str
    taken_at: datetime
    words: str


@dataclass(frozen=True)
class AccountShown:
    """A clinic's account at a provider: its numbers, and why nothing leaves through it."""

    id: UUID
    provider: str
    numbers: Sequence[str]
    is_paused: bool
    code: str | None
    why: str


@dataclass(frozen=True)
class PausedTemplate:
    """A template whose words carriers filter, since when nothing says them (TW-44)."""

    id: UUID
    name: str
    paused_at: datetime | None


def what_is_paused(asking: Asking) -> ColumnElement[str | None]:
    """Return the expression of what keeps texts back until somebody resumes it (TW-44)."""
    held = select(col(Clinic.id)).where(
        col(Clinic.id) == asking.clinic_id, col(Clinic.is_holding_sends)
    )
    return case(
        (held.exists(), N_("The clinic holds all automated texts.")),
        (_refused_accounts(asking).exists(), N_("Texts are held back: a number is paused.")),
        (_filtered_templates(asking).exists(), N_("Texts are held back: a template is paused.")),
        else_=null(),
    )


def notices(uow: UnitOfWork) -> list[str]:
    """Return what keeps the clinic's texts back until somebody acts, as people read it."""
    refused = _("The provider lets the clinic's number send nothing (%(code)s).")
    filtered = _("Carriers filter the words of the template “%(name)s”.")
    full = _("The clinic sent its most automated texts for a day: %(count)s.")
    return [
        *(refused % {"code": code} for code in uow.session.scalars(_refused_accounts(uow))),
        *(filtered % {"name": name} for name in uow.session.scalars(_filtered_templates(uow))),
        *(full % {"count": count} for count in uow.session.scalars(_full_days(uow))),
    ]


def _refused_accounts(asking: Asking) -> Any:
    return select(func.coalesce(col(ChannelAccount.paused_reason), "")).where(
        col(ChannelAccount.clinic_id) == asking.clinic_id, col(ChannelAccount.is_paused)
    )


def _filtered_templates(asking: Asking) -> Any:
    return (
        select(col(Template.name))
        .where(
            col(Template.clinic_id) == asking.clinic_id,
            col(Template.paused_version_id) == col(Template.version_id),
        )
        .order_by(col(Template.name))
    )


def _full_days(uow: UnitOfWork) -> Any:
    return select(col(SendDay.taken)).where(
        col(SendDay.clinic_id) == uow.clinic_id,
        col(SendDay.reached_at) > uow.now - timedelta(days=1),
    )


def uncertain_texts(uow: UnitOfWork, lead_id: UUID | None = None) -> Sequence[UncertainText]:
    """Return the texts, of a lead or of all, that a person is asked about, the latest first."""
    c = _texts.c
    its = (_addresses.c.clinic_id == c.clinic_id) & (_addresses.c.id == c.address_id)
    rows = uow.session.execute(
        select(c.id, c.lead_id, _addresses.c.value, c.taken_at, c.body)
        .join(_addresses, its)
        .where(
            c.clinic_id == uow.clinic_id,
            _NEEDS_PERSON,
            c.status.in_(("unconfirmed", "failed")),
            *([] if lead_id is None else [c.lead_id == lead_id]),
        )
        .order_by(c.id.desc())
        .limit(MOST_SHOWN)
    )
    return [
        UncertainText(row.id, row.lead_id, row.value, row.taken_at, uow.decrypt(row.id, row.body))
        for row in rows
    ]


def text_accounts(uow: UnitOfWork, channel: str = "sms") -> Sequence[AccountShown]:
    """Return the accounts that the clinic texts, or emails, through, the first connected first."""
    c = _accounts.c
    its = (_senders.c.clinic_id == c.clinic_id) & (_senders.c.account_id == c.id)
    numbers = func.array_remove(func.array_agg(_senders.c.value), None).label("numbers")
    rows = uow.session.execute(
        select(c.id, c.provider, numbers, c.is_paused, c.paused_reason)
        .outerjoin(_senders, its)
        .where(c.clinic_id == uow.clinic_id, c.channel == channel)
        .group_by(c.id, c.provider, c.is_paused, c.paused_reason, c.created_at)
        .order_by(c.created_at, c.id)
    )
    return [AccountShown(*row, states.pause(row.paused_reason)) for row in rows]


def paused_templates(uow: UnitOfWork) -> Sequence[PausedTemplate]:
    """Return the templates that carriers filter, by name."""
    columns = (col(Template.id), col(Template.name), col(Template.paused_at))
    rows = uow.session.execute(_filtered_templates(uow).with_only_columns(*columns))
    return [PausedTemplate(*row) for row in rows]


def template_bodies(uow: UnitOfWork) -> Any:
    """Return the select of what the clinic's templates say, by language, and by which channel."""
    its = (col(TemplateVersion.clinic_id) == col(Template.clinic_id)) & (
        col(TemplateVersion.id) == col(Template.version_id)
    )
    return (
        select(
            *(col(Template.id), col(Template.name), col(Template.channel)),
            *(col(TemplateVersion.bodies), col(TemplateVersion.subjects)),
        )
        .join(TemplateVersion, its)
        .where(col(Template.clinic_id) == uow.clinic_id)
    )


def template_words(
    uow: UnitOfWork, template_ids: Collection[UUID], language: str
) -> Mapping[UUID, str]:
    """Return what these templates say in a language, or in any where they lack it."""
    rows = uow.session.execute(template_bodies(uow).where(col(Template.id).in_(template_ids)))
    return {row.id: preview(in_language(row.bodies, language)) for row in rows}


def in_language(bodies: Mapping[str, str], language: str) -> str:
    """Return the words in a language, or in any where it has none."""
    return bodies.get(language) or next((body for body in bodies.values() if body), "")


@dataclass(frozen=True)
class TemplateShown:
    """A template with its published words by language; `number` counts its versions."""

    id: UUID
    name: str
    message_class: str
    is_paused: bool
    version_id: UUID
    number: int
    bodies: Mapping[str, str]
    channel: str
    subjects: Mapping[str, str]


def templates_shown(uow: UnitOfWork, template_id: UUID | None = None) -> list[TemplateShown]:
    """Return the clinic's templates, or one, by name."""
    rows = uow.session.execute(
        select(
            col(Template.id),
            col(Template.name),
            col(Template.message_class),
            col(Template.paused_version_id) == col(Template.version_id),
            col(TemplateVersion.id),
            col(TemplateVersion.number),
            col(TemplateVersion.bodies),
            col(Template.channel),
            col(TemplateVersion.subjects),
        )
        .join(
            TemplateVersion,
            (col(TemplateVersion.clinic_id) == col(Template.clinic_id))
            & (col(TemplateVersion.id) == col(Template.version_id)),
        )
        .where(
            col(Template.clinic_id) == uow.clinic_id,
            *([] if template_id is None else [col(Template.id) == template_id]),
        )
        .order_by(func.lower(col(Template.name)), col(Template.id))
    )
    return [TemplateShown(*row) for row in rows]
