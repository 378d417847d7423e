"""How consent reads: its events on a timeline, and an opt-out beside the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm.compliance.actions import PROVIDER_SAYS, TOLD_STAFF
from crm.compliance.events import AddressSuppressed, ConsentRecorded, SuppressionLifted
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


def _entry(event: Event) -> Entry:
    if isinstance(event, ConsentRecorded):
        granted = event.action == "granted"
        title = _("Consent given") if granted else _("Consent withdrawn")
        purpose = _PURPOSES[event.channel, event.purpose]
        return Entry(title, _(purpose), "consent", tone="green" if granted else "red")
    if isinstance(event, AddressSuppressed):
        closed = _("No text leaves for this number.")
        if event.channel == "email":
            closed = _("No email leaves for this address; texts are not touched by it.")
        return Entry(_("Opted out"), closed, "consent", tone="red")
    return Entry(_("Opted in again"), icon="consent", tone="green")


def _fill(uow: UnitOfWork, events: Sequence[Event], _found: Found) -> Mapping[UUID, Entry]:
    return {event.id: _entry(event) for event in events}


_HOW: Mapping[str, str] = {
    "stop": N_("they texted STOP"),
    TOLD_STAFF: N_("they told the clinic"),
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


TIMELINE = TimelineSource((ConsentRecorded, AddressSuppressed, SuppressionLifted), _fill)
