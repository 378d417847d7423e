"""Which messages of a draft will probably not be sent, or not be understood, and why.

A person mends most of it before publishing: a channel without a number or address, words that a
language lacks, a template that carriers filter, another sequence that speaks instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from automations.building.reading import Opened
from automations.changes import Beside
from automations.definitions import SequenceDefinition
from automations.models import PRIORITIES
from automations.program import Place
from crm.accounts.models import Clinic
from crm.core.errors import N_
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.models import ChannelAccount, Sender, Template
from crm.web.formats import all_of
from crm.web.language import _, ngettext

NOBODY: Mapping[str, str] = {
    "sms": N_("The clinic has no number to send from."),
    "email": N_("The clinic has no email address to send from."),
}
PAUSED: Mapping[str, str] = {
    "sms": N_("The clinic's number is paused."),
    "email": N_("The clinic's email address is paused."),
}


@dataclass(frozen=True)
class Doubt:
    """A step that sends, and why its message may not reach everybody."""

    words: str
    reasons: Sequence[str]


def doubts(
    uow: UnitOfWork, opened: Opened, definition: SequenceDefinition, others: Sequence[Beside]
) -> list[Doubt]:
    """Return the steps of a sequence whose messages are in doubt, in their order."""
    found = together(uow, **_asked(uow))
    templates = {row.id: row for row in found["templates"]}
    at_once = {place.position for place in _at_once(definition)}
    names = opened.choices.names
    told = []
    for place in definition.program:
        template = templates.get(getattr(place.step, "template_id", None))
        if place.step.speaks is None or template is None:
            continue
        channel = place.step.speaks
        reasons = [
            *_unsent(found, channel, template),
            *opened.choices.unspoken(str(template.id)),
            *(_unheard(definition, others, channel) if place.position in at_once else ()),
        ]
        if reasons:
            told.append(Doubt(place.step.words(names), reasons))
    return told


def _asked(uow: UnitOfWork) -> Mapping[str, Any]:
    its = (col(ChannelAccount.clinic_id) == col(Sender.clinic_id)) & (
        col(ChannelAccount.id) == col(Sender.account_id)
    )
    template: Any = (
        *(col(Template.id), col(Template.message_class)),
        (col(Template.paused_version_id) == col(Template.version_id)).label("is_paused"),
    )
    return {
        "senders": select(
            col(Sender.channel), func.bool_and(col(ChannelAccount.is_paused)).label("is_paused")
        )
        .join(ChannelAccount, its)
        .where(col(Sender.clinic_id) == uow.clinic_id)
        .group_by(col(Sender.channel)),
        "templates": select(*template).where(col(Template.clinic_id) == uow.clinic_id),
        "clinic": select(col(Clinic.postal_address), col(Clinic.is_holding_sends)).where(
            col(Clinic.id) == uow.clinic_id
        ),
    }


def _unsent(found: Mapping[str, Sequence[Any]], channel: str, template: Any) -> Iterator[str]:
    """Yield what keeps every message of a step back until somebody mends it."""
    [clinic] = found["clinic"]
    sender = next((row for row in found["senders"] if row.channel == channel), None)
    if sender is None:
        yield _(NOBODY[channel])
    elif sender.is_paused:
        yield _(PAUSED[channel])
    if clinic.is_holding_sends:
        yield _("The clinic holds all automated texts and emails.")
    if template.is_paused:
        yield _("Carriers filter the words of its template: somebody has to look.")
    sells_by_email = channel == "email" and template.message_class == "marketing"
    if sells_by_email and not clinic.postal_address:
        yield _("A marketing email names the clinic's postal address: there is none.")


def _at_once(definition: SequenceDefinition) -> Iterator[Place]:
    """Yield the steps that are taken in the moment in which somebody enters."""
    for place in definition.program:
        if place.step.waits:
            return
        yield place


def _unheard(
    definition: SequenceDefinition, others: Sequence[Beside], channel: str
) -> Iterator[str]:
    """Yield which sequences speak instead to whoever the same event brings into both."""
    mine = PRIORITIES[definition.importance]
    rivals = [one for one in others if channel in one.channels and one.priority <= mine]
    first = [one.name for one in rivals if one.priority < mine]
    equal = [one.name for one in rivals if one.priority == mine]
    if first:
        yield ngettext(
            "%(names)s is started by the same event and is more important: it speaks instead.",
            "%(names)s are started by the same event and are more important: one of them speaks"
            " instead.",
            len(first),
            names=all_of([f"“{name}”" for name in first]),
        )
    elif equal:
        yield ngettext(
            "%(names)s is started by the same event and is as important: only one of both speaks.",
            "%(names)s are started by the same event and are as important: only one of them all"
            " speaks.",
            len(equal),
            names=all_of([f"“{name}”" for name in equal]),
        )
