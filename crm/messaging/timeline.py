"""How texts read on a timeline: what was said, which way, and what became of it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import col, select

from crm.accounts.queries import user_names
from crm.core.events import Event
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.events import CallLogged, CommunicationSettled, TextReceived
from crm.messaging.models import Communication
from crm.web.language import _
from crm.web.timeline import Entry, TimelineSource


def _fill(
    uow: UnitOfWork, events: Sequence[CommunicationSettled | TextReceived]
) -> Mapping[UUID, Entry]:
    ids = {event.communication_id for event in events}
    rows = uow.session.scalars(
        select(Communication).where(
            col(Communication.clinic_id) == uow.clinic_id, col(Communication.id).in_(ids)
        )
    )
    texts = {row.id: row for row in rows}
    senders = {
        row.origin_id for row in texts.values() if row.origin_kind == "user" and row.origin_id
    }
    names = user_names(uow, list(senders)) if senders else {}
    return {
        event.id: _entry(uow, event, texts[event.communication_id], names)
        for event in events
        if event.communication_id in texts
    }


def _entry(uow: UnitOfWork, event: Event, text: Communication, names: Mapping[UUID, str]) -> Entry:
    body = uow.decrypt(text.id, text.body) if text.body else ""
    if isinstance(event, TextReceived):
        return Entry(_("Text received"), body, "text", "in", who=_("the patient"))
    gave_up = isinstance(event, CommunicationSettled) and event.reason == states.GAVE_UP
    state = states.state("failed" if gave_up else text.status, text.held_reason)
    return Entry(
        _("Text"),
        body,
        state.icon,
        "out",
        state.word,
        state.tone,
        who=_who(text, names),
        look=state.look,
        why=_why(text, gave_up=gave_up),
    )


def _why(text: Communication, *, gave_up: bool) -> str:
    again = states.reason("once_more") if text.retry_of else ""
    reason = states.reason(states.GAVE_UP if gave_up else text.reason)
    return " ".join(part for part in (again, reason) if part)


def _who(text: Communication, names: Mapping[UUID, str]) -> str:
    """Return the person who sent it, or that it answers a keyword; a sequence names itself."""
    if text.origin_kind == "keyword":
        return _("Frontdesk")
    return names.get(text.origin_id, "") if text.origin_id is not None else ""


def _calls(uow: UnitOfWork, events: Sequence[CallLogged]) -> Mapping[UUID, Entry]:
    rows = uow.session.scalars(
        select(Communication).where(
            col(Communication.clinic_id) == uow.clinic_id,
            col(Communication.id).in_({event.communication_id for event in events}),
            col(Communication.status) != "voided",
        )
    )
    calls = {row.id: row for row in rows}
    return {
        event.id: _call(uow, calls[event.communication_id])
        for event in events
        if event.communication_id in calls
    }


def _call(uow: UnitOfWork, call: Communication) -> Entry:
    said = uow.decrypt(call.id, call.body) if call.body else ""
    word, tone = states.call(call.provider_status or "")
    title = _("Call") if call.direction == "out" else _("Call from the patient")
    return Entry(title, said, "call", "note", word, tone, ref=call.id)


TEXTS = TimelineSource((CommunicationSettled, TextReceived), _fill, "texts")
CALLS = TimelineSource((CallLogged,), _calls, "calls")
