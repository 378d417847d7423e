"""What a clinic sends with: templates and senders."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from crm.accounts.actions import lock_settings
from crm.accounts.models import Clinic
from crm.core.errors import N_, Invalid, StaleVersion
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.actions.queuing import RESERVED_CLASSES, release_held
from crm.messaging.emails.checking import wrong_words
from crm.messaging.models import ChannelAccount, Communication, Sender, Template, TemplateVersion
from crm.privacy.actions import audit
from crm.web.language import _

NO_POSTAL_ADDRESS = N_(
    "A marketing email names the clinic's postal address: write it under Settings, Emails, first."
)
PAUSED, RESUMED = "account.paused", "account.resumed"
TEMPLATE_PAUSED, TEMPLATE_RESUMED = "template.paused", "template.resumed"
"""What the audit trail calls it."""


def add_template(
    uow: UnitOfWork,
    name: str,
    bodies: Mapping[str, str],
    message_class: str = "care",
    subjects: Mapping[str, str] | None = None,
) -> Template:
    """Publish a template's words by language: version 1, or the next of the one with this name.

    With subjects it is an email's. Raises TemplateRefused for words that cannot be read, Invalid
    for a class that people or keyword answers have to themselves, where a language has no words,
    and for a marketing email of a clinic without a postal address (LAW-40).
    """
    has_words = bool(bodies) and all(source.strip() for source in bodies.values())
    if message_class in RESERVED_CLASSES or not has_words:
        raise Invalid(field="message_class" if has_words else "bodies")
    for source in bodies.values():
        rendering.check(source)
    if subjects and (wrong := wrong_words(subjects, bodies)):
        raise Invalid(fields=wrong)
    statement = select(Template).where(
        col(Template.clinic_id) == uow.clinic_id, col(Template.name) == name
    )
    template = uow.session.scalar(statement.with_for_update())
    if template is None:
        channel = "email" if subjects else "sms"
        template = Template(
            name=name, channel=channel, message_class=message_class, created_at=uow.now
        )
        uow.add(template)
    template.message_class = message_class
    _publish(uow, template, bodies, subjects or {})
    return template


def new_template(
    uow: UnitOfWork,
    name: str,
    bodies: Mapping[str, str],
    message_class: str,
    subjects: Mapping[str, str] | None = None,
) -> Template:
    """Add a template under a name of its own; with subjects it is an email's.

    Raises Invalid, naming the fields.
    """
    lock_settings(uow)
    free, (words, titles) = _free_name(uow, name), _checked(bodies, subjects)
    return add_template(uow, free, words, message_class, titles)


def save_template(
    uow: UnitOfWork,
    template_id: UUID,
    version_id: UUID,
    name: str,
    bodies: Mapping[str, str],
    subjects: Mapping[str, str] | None = None,
) -> Template:
    """Publish other words of a template, or rename it; the same words make no new version.

    `version_id` is the one that was edited. Raises NotFound, StaleVersion, Invalid.
    """
    lock_settings(uow)
    template = uow.get(Template, template_id)
    statement = select(Template).where(
        col(Template.clinic_id) == uow.clinic_id, col(Template.id) == template.id
    )
    fresh = statement.with_for_update().execution_options(populate_existing=True)
    template = uow.session.scalars(fresh).one()
    current = uow.get(TemplateVersion, template.version_id) if template.version_id else None
    is_email = template.channel == "email"
    words, titles = _checked(bodies, (subjects or {}) if is_email else None)
    if current is not None and current.id != version_id:
        raise StaleVersion(N_("What you typed is still here. Save again, and it replaces theirs."))
    template.name = _free_name(uow, name, template)
    if current is None or (current.bodies, current.subjects) != (words, titles):
        _publish(uow, template, words, titles)
    uow.session.flush()
    return template


def _publish(
    uow: UnitOfWork, template: Template, bodies: Mapping[str, str], subjects: Mapping[str, str]
) -> None:
    """Give a locked template its next version. Raises Invalid where it may sell and has no place.

    An email and a text are never versions of one another: what is queued knows its channel.
    """
    if bool(subjects) != (template.channel == "email"):
        raise Invalid(_("There is one of this name already."), field="name")
    if template.channel == "email" and template.message_class == "marketing":
        _needs_postal_address(uow)
    numbers = select(col(TemplateVersion.number)).where(
        col(TemplateVersion.clinic_id) == uow.clinic_id,
        col(TemplateVersion.template_id) == template.id,
    )
    number = max(uow.session.scalars(numbers), default=0) + 1
    version = TemplateVersion(
        template_id=template.id,
        number=number,
        bodies=dict(bodies),
        subjects=dict(subjects),
        created_at=uow.now,
    )
    uow.add(version)
    template.version_id = version.id
    uow.session.flush()
    if template.paused_version_id is not None:
        _speak_anew(uow, template.paused_version_id, version.id)


def _needs_postal_address(uow: UnitOfWork) -> None:
    address = select(col(Clinic.postal_address)).where(col(Clinic.id) == uow.clinic_id)
    if not uow.session.scalar(address):
        raise Invalid(NO_POSTAL_ADDRESS, field="message_class")


def _free_name(uow: UnitOfWork, name: str, own: Template | None = None) -> str:
    wanted = " ".join(name.split())
    if not wanted:
        raise Invalid(_("Give it a name."), field="name")
    taken = uow.session.execute(
        select(col(Template.id), col(Template.name)).where(col(Template.clinic_id) == uow.clinic_id)
    )
    if any(
        each.name.casefold() == wanted.casefold()
        for each in taken
        if own is None or each.id != own.id
    ):
        raise Invalid(_("There is one of this name already."), field="name")
    return wanted


def _checked(
    bodies: Mapping[str, str], subjects: Mapping[str, str] | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return bodies and subjects by language, without those left empty.

    A text has no subjects: None. Raises Invalid, naming each field.
    """
    words, titles = _written(bodies), _written(subjects or {})
    if subjects is None:
        wrong = {
            f"body_{language}": refusal
            for language, source in words.items()
            if (refusal := rendering.why_refused(source))
        }
    else:
        wrong = wrong_words(titles, words)
    if not words and not titles:
        wrong = {"body_en": _("Write what it says, in one language at least.")}
    if wrong:
        raise Invalid(fields=wrong)
    return words, titles


def _written(sources: Mapping[str, str]) -> dict[str, str]:
    return {
        language: source.replace("\r\n", "\n").strip()
        for language, source in sources.items()
        if source.strip()
    }


def _speak_anew(uow: UnitOfWork, old: UUID, new: UUID) -> None:
    """Give texts that wait because the template's words were filtered the new words."""
    uow.session.execute(
        update(Communication)
        .where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.status) == "queued",
            col(Communication.template_version_id) == old,
        )
        .values(template_version_id=new)
    )


def add_sender(
    uow: UnitOfWork,
    provider: str,
    value: str,
    *,
    channel: str = "sms",
    external_id: str | None = None,
    credentials: Mapping[str, str] | None = None,
) -> Sender:
    """Add a clinic's number or email address at a provider, with an account of its own.

    What is new on its channel leaves from it.
    """
    account = ChannelAccount(
        channel=channel, provider=provider, external_id=external_id, created_at=uow.now
    )
    if credentials is not None:
        account.credentials = uow.encrypt(account.id, json.dumps(dict(credentials)))
    uow.session.execute(
        update(Sender)
        .where(col(Sender.clinic_id) == uow.clinic_id, col(Sender.channel) == channel)
        .values(is_default=False)
    )
    sender = Sender(account_id=account.id, channel=channel, value=value, created_at=uow.now)
    uow.add(account, sender)
    return sender


def pause_account(uow: UnitOfWork, account_id: UUID, reason: str) -> None:
    """Let nothing leave through an account until a person resumes it (TW-44)."""
    if _pause(uow, account_id, True, reason):
        audit(uow, PAUSED, "channel_account", account_id, code=reason)


def resume_sending(uow: UnitOfWork) -> int:
    """Let the clinic's paused accounts and templates send again; return how many texts waited."""
    accounts = (col(ChannelAccount.clinic_id) == uow.clinic_id, col(ChannelAccount.is_paused))
    paused = uow.session.scalars(select(col(ChannelAccount.id)).where(*accounts)).all()
    waited = sum(resume_account(uow, account_id) for account_id in paused)
    templates = (
        col(Template.clinic_id) == uow.clinic_id,
        col(Template.paused_version_id).is_not(None),
    )
    speechless = uow.session.scalars(
        select(col(Template.id)).where(*templates).order_by(col(Template.id))
    ).all()
    return waited + sum(resume_template(uow, template_id) for template_id in speechless)


def resume_account(uow: UnitOfWork, account_id: UUID) -> int:
    """Let texts leave through an account again; return how many were held for it."""
    if _pause(uow, account_id, False, None):
        audit(uow, RESUMED, "channel_account", account_id)
    return release_held(uow, "sender_paused")


def resume_template(uow: UnitOfWork, template_id: UUID) -> int:
    """Let a template that carriers filtered speak again; return how many texts waited (TW-44)."""
    resumed: Any = uow.session.execute(
        update(Template)
        .where(
            col(Template.clinic_id) == uow.clinic_id,
            col(Template.id) == template_id,
            col(Template.paused_version_id).is_not(None),
        )
        .values(paused_version_id=None, paused_at=None)
    )
    if resumed.rowcount:
        audit(uow, TEMPLATE_RESUMED, "template", template_id)
    return release_held(uow, "template_paused", template_id=template_id)


def _pause(uow: UnitOfWork, account_id: UUID, is_paused: bool, reason: str | None) -> bool:
    """Write whether an account is paused; return whether it was not so before."""
    written: Any = uow.session.execute(
        update(ChannelAccount)
        .where(
            col(ChannelAccount.clinic_id) == uow.clinic_id,
            col(ChannelAccount.id) == account_id,
            col(ChannelAccount.is_paused).is_distinct_from(is_paused),
        )
        .values(is_paused=is_paused, paused_reason=reason)
    )
    return bool(written.rowcount)
