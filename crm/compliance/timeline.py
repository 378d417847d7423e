"""How events of consent read on a timeline."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm.compliance.events import AddressSuppressed, ConsentRecorded, SuppressionLifted
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Entry, TimelineSource


def _entry(event: Event) -> Entry:
    if isinstance(event, ConsentRecorded):
        granted = event.action == "granted"
        title = _("Consent given") if granted else _("Consent withdrawn")
        purpose = _("care texts") if event.purpose == "care" else _("marketing texts")
        return Entry(title, purpose, "consent", tone="green" if granted else "red")
    if isinstance(event, AddressSuppressed):
        return Entry(_("Opted out"), _("No text leaves for this number."), "consent", tone="red")
    return Entry(_("Opted in again"), icon="consent", tone="green")


def _fill(uow: UnitOfWork, events: Sequence[Event]) -> Mapping[UUID, Entry]:
    return {event.id: _entry(event) for event in events}


TIMELINE = TimelineSource((ConsentRecorded, AddressSuppressed, SuppressionLifted), _fill)
