"""How consent reads: its events on a timeline, and an opt-out beside the address."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.compliance.actions import PROVIDER_SAYS, TOLD_STAFF, UNSUBSCRIBED
from crm.compliance.events import AddressSuppressed, ConsentRecorded, SuppressionLifted
from crm.compliance.models import Consent
from crm.core.errors import N_
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource

_PURPOSES: Mapping[tuple[str, str], str] = {
    ("sms", "care"): N_("care texts"),
    ("sms", "marketing"): N_("marketing texts"),
    ("email", "care"): N_("care emails"),
    ("email", "marketing"): N_("marketing emails"),
}


def _entry(event: Event, taken_back: Collection[UUID]) -> Entry:
    if isinstance(event, ConsentRecorded):
        granted = event.action == "granted"
        was_given = event.consent_id in taken_back
        withdrawn = _("Consent withdrawn") if was_given else _("They do not agree")
        title = _("Consent given") if granted else withdrawn
        purpose = _PURPOSES[event.channel, event.purpose]
        return Entry(title, _(purpose), "consent", tone="green" if granted else "red")
    if isinstance(event, AddressSuppressed):
        closed = _("No text leaves for this number.")
        if event.channel == "email":
            closed = _("No email leaves for this address; texts are not touched by it.")
        return Entry(_("Opted out"), closed, "consent", tone="red")
    return Entry(_("Opted in again"), icon="consent", tone="green")


def _reads(uow: UnitOfWork, events: Sequence[Event]) -> Mapping[str, Any]:
    """Ask which of these refusals took back what had been given: the others took back nothing."""
    consent: Any = Consent.__table__  # type: ignore[attr-defined]
    earlier = consent.alias("earlier")
    same = ("clinic_id", "address_id", "channel", "purpose")
    last = (
        select(earlier.c.action)
        .where(
            *(earlier.c[name] == consent.c[name] for name in same), earlier.c.seq < consent.c.seq
        )
        .order_by(earlier.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    refusals = [
        event.consent_id
        for event in events
        if isinstance(event, ConsentRecorded) and event.action != "granted"
    ]
    return {
        "taken_back": select(consent.c.id).where(
            consent.c.clinic_id == uow.clinic_id, consent.c.id.in_(refusals), last == "granted"
        )
    }


def _fill(uow: UnitOfWork, events: Sequence[Event], found: Found) -> Mapping[UUID, Entry]:
    taken_back = {row.id for row in found["taken_back"]}
    return {event.id: _entry(event, taken_back) for event in events}


_HOW: Mapping[str, str] = {
    "stop": N_("they texted STOP"),
    TOLD_STAFF: N_("they told the clinic"),
    UNSUBSCRIBED: N_("they unsubscribed from an email"),
    PROVIDER_SAYS: N_("the provider says so: please ask them"),
}
_OTHERWISE = N_("recorded by the clinic")


@dataclass(frozen=True)
class OptOut:
    """Since when an address must not get texts, and how that is known."""

    at: datetime
    how: str
    is_their_word: bool


def opt_out(at: datetime, reason: str) -> OptOut:
    """Return how an opt-out of that time, for that reason, reads."""
    return OptOut(at, _(_HOW.get(reason, _OTHERWISE)), reason != PROVIDER_SAYS)


TIMELINE = TimelineSource(
    (ConsentRecorded, AddressSuppressed, SuppressionLifted), _fill, reads=_reads
)
