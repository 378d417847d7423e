"""How texts read on a timeline: what was said, which way, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.accounts.models import User
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.emails.layout import said_in
from crm.messaging.events import CallLogged, CommunicationSettled, TextReceived
from crm.messaging.models import Communication
from crm.web.language import _
from crm.web.timeline import Entry, Found, TimelineSource


def _read_texts(uow: UnitOfWork, events: Sequence[Any]) -> Mapping[str, Any]:
    ids = {event.communication_id for event in events}
    mine = (col(Communication.clinic_id) == uow.clinic_id, col(Communication.id).in_(ids))
    wrote = select(col(Communication.origin_id)).where(
        *mine, col(Communication.origin_kind) == "user"
    )
    columns = (getattr(Communication, name) for name in _SHOWN)
    return {
        "texts": select(*columns).where(*mine),
        "writers": select(col(User.id), col(User.name)).where(col(User.id).in_(wrote)),
    }


_SHOWN = (
    *("id", "status", "direction", "body", "held_reason", "reason", "retry_of", "origin_kind"),
    *("origin_id", "provider_status", "channel", "subject", "message_class", "html"),
)


def _fill(
    uow: UnitOfWork, events: Sequence[CommunicationSettled | TextReceived], found: Found
) -> Mapping[UUID, Entry]:
    texts = {row.id: row for row in found["texts"]}
    names = {row.id: row.name for row in found["writers"]}
    return {
        event.id: _entry(uow, event, texts[event.communication_id], names)
        for event in events
        if event.communication_id in texts
    }


def _entry(uow: UnitOfWork, event: Event, text: Any, names: Mapping[UUID, str]) -> Entry:
    words = text.subject if text.channel == "email" else text.body
    body = uow.decrypt(text.id, words) if words else ""
    if isinstance(event, TextReceived):
        return Entry(_("Text received"), body, "text", "in", who=_("the patient"))
    gave_up = isinstance(event, CommunicationSettled) and event.reason == states.GAVE_UP
    state = states.state("failed" if gave_up else text.status, text.held_reason)
    return Entry(
        _email_title(text) if text.channel == "email" else _("Text"),
        body,
        "email" if text.channel == "email" and state.icon == "text" else state.icon,
        "out",
        state.word,
        state.tone,
        who=_who(text, names),
        look=state.look,
        why=_why(text, gave_up=gave_up),
        explained=text.id,
        folded=said_in(uow.decrypt(text.id, text.body)) if text.html and text.body else "",
        asks=why_words(text.channel),
    )


def why_words(channel: str) -> str:
    """Return what leads to the page that explains a text or an email."""
    return _("Why this email?") if channel == "email" else _("Why this text?")


def _email_title(email: Any) -> str:
    """Return what stands above an email: its class is seen wherever it is (A11)."""
    return _("Marketing email") if email.message_class == "marketing" else _("Email")


def _why(text: Any, *, gave_up: bool) -> str:
    again = states.reason("once_more") if text.retry_of else ""
    reason = states.reason(states.GAVE_UP if gave_up else text.reason, text.channel)
    return " ".join(part for part in (again, reason) if part)


def _who(text: Any, names: Mapping[UUID, str]) -> str:
    """Return the person who sent it, or that it answers a keyword; a sequence names itself."""
    if text.origin_kind == "keyword":
        return _("Frontdesk")
    return names.get(text.origin_id, "") if text.origin_id is not None else ""


def _calls(uow: UnitOfWork, events: Sequence[CallLogged], found: Found) -> Mapping[UUID, Entry]:
    calls = {row.id: row for row in found["texts"] if row.status != "voided"}
    return {
        event.id: _call(uow, calls[event.communication_id])
        for event in events
        if event.communication_id in calls
    }


def _call(uow: UnitOfWork, call: Any) -> Entry:
    said = uow.decrypt(call.id, call.body) if call.body else ""
    word, tone = states.call(call.provider_status or "")
    title = _("Call to the patient") if call.direction == "out" else _("Call from the patient")
    return Entry(title, said, "call", "note", word, tone, ref=call.id)


TEXTS = TimelineSource((CommunicationSettled, TextReceived), _fill, "texts", _read_texts)
CALLS = TimelineSource((CallLogged,), _calls, "calls", _read_texts)
