"""What somebody waits for: did it happen, after the step before the wait and in time?

It is read from what is on record, never from an event that is just being delivered: whether that
one comes late, twice or not at all, and whether it or the time-out is looked at first, ends the
same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, cast, literal_column, or_, select

from automations.enrollments import ORIGIN
from automations.steps.base import Heard
from automations.steps.wait_for_event import EventCode
from crm.contacts.queries import addresses_of, canonical_ids
from crm.core.bulk import among
from crm.core.events import Event, EventRow
from crm.core.uow import UnitOfWork
from crm.messaging.events import DeliveryReported, TextReceived
from crm.messaging.models import Communication
from pipelines.events import LeadRequestedAgain, LeadStageChanged
from pipelines.lead.events import LeadDetailChanged, LeadTagged
from pipelines.tasks.events import TaskDone

Reader = Callable[[UnitOfWork, Sequence[Any]], dict[UUID, Heard]]

_events: Any = EventRow.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]

_OF_LEADS: Mapping[EventCode | str, type[Event]] = {
    "stage_changed": LeadStageChanged,
    "tag_added": LeadTagged,
    "task_done": TaskDone,
    "form_submitted": LeadRequestedAgain,
}
_CODES: Mapping[str, str] = {event.name: code for code, event in _OF_LEADS.items()}


def code_of(event: Event) -> str | None:
    """Return by which code enrollments wait for such an event; None where none does."""
    match event:
        case TextReceived(keyword=None):
            return "replied"
        case DeliveryReported(status="delivered"):
            return "delivered"
        case LeadDetailChanged(field=field):
            return f"date:{field}"
        case _:
            return _CODES.get(event.name)


def hear(uow: UnitOfWork, waiting: Sequence[Any]) -> dict[UUID, Heard]:
    """Return what each of these enrollments heard of what it waits for; nothing for who did not.

    A row has `id`, `contact_id`, `lead_id`, `listens`, `hears_from` and `listens_until`; what
    happened up to that instant counts. One or two statements a kind of event, none for none.
    """
    heard: dict[UUID, Heard] = {}
    for codes, read in _READERS:
        rows = [row for row in waiting if row.listens in codes]
        if rows:
            heard |= read(uow, rows)
    return heard


def _of_leads(uow: UnitOfWork, rows: Sequence[Any]) -> dict[UUID, Heard]:
    """Look at what happened to the leads, or to the contacts where it is about no lead."""
    e = _events.c
    leads = {row.lead_id for row in rows if row.lead_id is not None}
    contacts = {row.contact_id for row in rows if row.lead_id is None}
    told = uow.session.execute(
        select(e.id, e.name, e.at, e.lead_id, e.contact_id)
        .where(
            e.clinic_id == uow.clinic_id,
            or_(among(e.lead_id, sorted(leads)), among(e.contact_id, sorted(contacts))),
            e.name.in_({_OF_LEADS[row.listens].name for row in rows}),
            e.at > min(row.hears_from for row in rows),
        )
        .order_by(e.seq)
    ).all()
    return _first(
        rows,
        told,
        lambda row, one: (
            _CODES[one.name] == row.listens
            and (one.lead_id == row.lead_id if row.lead_id else one.contact_id == row.contact_id)
        ),
    )


def _replies(uow: UnitOfWork, rows: Sequence[Any]) -> dict[UUID, Heard]:
    """Look at the texts that came from the phones of these people, whoever else uses them."""
    e = _events.c
    canonical = canonical_ids(uow, sorted({row.contact_id for row in rows}))
    phones: dict[UUID, set[UUID]] = {}
    for used in addresses_of(uow, canonical.values()):
        phones.setdefault(used.contact_id, set()).add(used.address_id)
    told = uow.session.execute(
        select(e.id, e.at, e.order_key)
        .where(
            e.clinic_id == uow.clinic_id,
            # As written in the index, which no parameter would be seen to fit.
            e.name == literal_column(f"'{TextReceived.name}'"),
            among(e.order_key, sorted({one for own in phones.values() for one in own})),
            e.at > min(row.hears_from for row in rows),
            e.payload["keyword"].astext.is_(None),
        )
        .order_by(e.seq)
    ).all()
    return _first(
        rows,
        told,
        lambda row, one: one.order_key in phones.get(canonical[row.contact_id], ()),
    )


def _deliveries(uow: UnitOfWork, rows: Sequence[Any]) -> dict[UUID, Heard]:
    """Look at what became of the last text of each, whenever that was told."""
    c, e = _communications.c, _events.c
    texts = uow.session.execute(
        select(c.origin_id, c.id, c.contact_id)
        .where(
            c.clinic_id == uow.clinic_id,
            c.origin_kind == ORIGIN,
            among(c.origin_id, sorted(row.id for row in rows)),
        )
        .order_by(c.id)
    ).all()
    last = {text.origin_id: text.id for text in texts}
    about = cast(e.payload["communication_id"].astext, Uuid)
    told = uow.session.execute(
        select(e.id, e.at, about.label("text_id"))
        .where(
            e.clinic_id == uow.clinic_id,
            among(e.contact_id, sorted({text.contact_id for text in texts if text.contact_id})),
            e.name == DeliveryReported.name,
            e.payload["status"].astext == "delivered",
            among(about, sorted(last.values())),
        )
        .order_by(e.seq)
    ).all()
    return _first(rows, told, lambda row, one: one.text_id == last.get(row.id), is_since=False)


def _first(
    rows: Sequence[Any],
    told: Iterable[Any],
    is_its: Callable[[Any, Any], bool],
    *,
    is_since: bool = True,
) -> dict[UUID, Heard]:
    """Return the first event of each that is its own, within its time."""
    heard: dict[UUID, Heard] = {}
    for one in told:
        for row in rows:
            begins_before = not is_since or one.at > row.hears_from
            if row.id in heard or not begins_before or one.at > row.listens_until:
                continue
            if is_its(row, one):
                heard[row.id] = Heard(one.id, one.at)
    return heard


_READERS: Sequence[tuple[frozenset[str], Reader]] = (
    (frozenset(_OF_LEADS), _of_leads),
    (frozenset({"replied"}), _replies),
    (frozenset({"delivered"}), _deliveries),
)
