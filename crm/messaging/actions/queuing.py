"""Queueing, voiding and releasing texts and emails: one statement each, whatever their number."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Row
from sqlmodel import col

from crm.compliance.models import Channel
from crm.contacts.models import Address, AddressKind, Contact, ContactAddress
from crm.core.bulk import among, each_its_own, given, insert_rows
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication, Template, TemplateVersion

_communications: Any = Communication.__table__  # type: ignore[attr-defined]

_FRESH: Mapping[str, Any] = {"attempts": 0, "resends": 0, "asked": 0, "gate": {}}

_AS_GIVEN = (
    *("conversation_id", "contact_id", "lead_id", "origin_kind", "origin_id"),
    *("dedupe_key", "useful_until", "sender_id", "queue", "is_overtakable", "language"),
)

KINDS: Mapping[Channel, AddressKind] = {"sms": "phone", "email": "email"}
"""The kind of address that each channel reaches."""

CHANNELS_OF: Mapping[str, Channel] = {kind: channel for channel, kind in KINDS.items()}
"""The channel that reaches each kind of address."""

TEST = "test"
"""The `origin_kind` of what goes to whoever tries a template out, and to no patient."""

RESERVED_CLASSES = {"system": ("keyword",), "staff": ("user", TEST)}
"""Who alone may send what needs no consent: keyword answers, and people (LAW-26)."""


@dataclass(frozen=True)
class OutboundText:
    """A text or email to be sent when the gate lets it; a `dedupe_key` is never queued twice.

    Its words are a template's published version, or `body`; an email's are always a template's, and
    a template of another channel says nothing. A marketing template stays marketing,
    whatever `message_class` says (LAW-2). Class `system` is for origin `keyword` only (the answers
    to STOP, START and HELP), class `staff` for origins `user` and `test`; a test of a marketing
    template sells nothing to anybody and stays the latter. `language` is set where it is not the
    person's. A reply or a booking withdraws an
    overtakable one (pain 15).
    """

    contact_id: UUID | None
    message_class: str
    origin_kind: str
    origin_id: UUID | None
    dedupe_key: str
    template_id: UUID | None = None
    body: str | None = field(default=None, repr=False)
    lead_id: UUID | None = None
    address_id: UUID | None = None
    useful_until: datetime | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    cause: Sequence[UUID] = ()
    queue: str = "default"
    sender_id: UUID | None = None
    conversation_id: UUID | None = None
    due_at: datetime | None = None
    is_overtakable: bool = False
    channel: Channel = "sms"
    language: str | None = None

    def __post_init__(self) -> None:
        if self.origin_kind not in RESERVED_CLASSES.get(self.message_class, (self.origin_kind,)):
            raise ValueError(f"{self.origin_kind} may not send {self.message_class} texts")
        if self.channel == "email" and self.template_id is None:
            raise ValueError("an email has a template, for its subject and its layout")


def queue_texts(uow: UnitOfWork, texts: Sequence[OutboundText]) -> dict[str, UUID]:
    """Queue texts and emails; return their ids by dedupe key. A known key keeps its first.

    One without `address_id` goes to its contact's latest phone, or latest email address; its key is
    absent from the result where the contact has none.
    """
    templates = _templates(uow, {text.template_id for text in texts if text.template_id})
    latest = {
        channel: latest_addresses(uow, _without_address(texts, channel), kind)
        for channel, kind in KINDS.items()
    }
    rows: dict[str, dict[str, Any]] = {}
    for text in texts:
        address_id = text.address_id or latest[text.channel].get(text.contact_id)
        if address_id is not None and text.dedupe_key not in rows:
            rows[text.dedupe_key] = _row(uow, text, address_id, templates)
            uow.tell("communication.queued", lead_id=text.lead_id, contact_id=text.contact_id)
    return _insert_new(uow, list(rows.values())) if rows else {}


def _without_address(texts: Sequence[OutboundText], channel: str) -> set[UUID]:
    return {
        text.contact_id
        for text in texts
        if text.channel == channel and text.contact_id and not text.address_id
    }


def _row(
    uow: UnitOfWork,
    text: OutboundText,
    address_id: UUID,
    templates: Mapping[UUID, Row[Any]],
) -> dict[str, Any]:
    row_id = new_id()
    version_id, message_class = None, text.message_class
    template = templates.get(text.template_id) if text.template_id else None
    if template is not None:
        version_id = template.version_id if template.channel == text.channel else None
        is_selling = template.message_class == "marketing" and text.origin_kind != TEST
        message_class = "marketing" if is_selling else message_class
    due_at = text.due_at or uow.now
    is_due = due_at <= uow.now
    values = json.dumps(dict(text.values)) if text.values else None
    return {
        **{name: getattr(text, name) for name in _AS_GIVEN},
        "id": row_id,
        "clinic_id": uow.clinic_id,
        "direction": "out",
        "channel": text.channel,
        "status": "queued",
        "message_class": message_class,
        "address_id": address_id,
        "template_version_id": version_id,
        "body": None if text.body is None else uow.encrypt(row_id, text.body),
        "merge_values": None if values is None else uow.encrypt(row_id, values),
        "cause": [str(cause) for cause in text.cause],
        "created_at": uow.now,
        "due_at": due_at,
        "lease_until": uow.reserved_until if is_due else None,
        **_FRESH,
    }


def _insert_new(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> dict[str, UUID]:
    """Insert what is new, ring for it, and look up the ids of what was known already."""
    columns = _communications.c
    written = insert_rows(
        uow.session,
        _communications,
        rows,
        skip_known=True,
        returning=("dedupe_key", "id", "queue", "due_at"),
    )
    for row in written:
        if row.due_at <= uow.now:
            uow.ring("communications", [row.id], row.queue)
    ids = {row.dedupe_key: row.id for row in written}
    known = [row["dedupe_key"] for row in rows if row["dedupe_key"] not in ids]
    if known:
        statement = select(columns.dedupe_key, columns.id).where(
            columns.clinic_id == uow.clinic_id, among(columns.dedupe_key, known)
        )
        ids.update((row.dedupe_key, row.id) for row in uow.session.execute(statement))
    return ids


def _templates(uow: UnitOfWork, ids: set[UUID]) -> dict[UUID, Row[Any]]:
    if not ids:
        return {}
    rows = uow.session.execute(_TEMPLATES, {"clinic": uow.clinic_id, "ids": sorted(ids)})
    return {row.id: row for row in rows}


_templates_table: Any = Template.__table__  # type: ignore[attr-defined]
_TEMPLATES = select(
    *(_templates_table.c[name] for name in ("id", "version_id", "message_class", "channel"))
).where(_templates_table.c.clinic_id == bindparam("clinic"), given(_templates_table.c.id))


def latest_addresses(
    uow: UnitOfWork, contact_ids: set[UUID], kind: AddressKind = "phone"
) -> dict[UUID | None, UUID]:
    """Return the phone, or email address, that each contact or its successor gave last."""
    if not contact_ids:
        return {}
    asked = {"clinic": uow.clinic_id, "ids": sorted(contact_ids), "kind": kind}
    rows = uow.session.execute(_LATEST, asked)
    return {row[0]: row[1] for row in rows}


def _latest() -> Any:
    contacts: Any = Contact.__table__  # type: ignore[attr-defined]
    links: Any = ContactAddress.__table__  # type: ignore[attr-defined]
    addresses: Any = Address.__table__  # type: ignore[attr-defined]
    theirs = (links.c.clinic_id == contacts.c.clinic_id) & or_(
        links.c.contact_id == contacts.c.id, links.c.contact_id == contacts.c.merged_into_id
    )
    of_kind = (
        (addresses.c.clinic_id == links.c.clinic_id)
        & (addresses.c.id == links.c.address_id)
        & (addresses.c.kind == bindparam("kind"))
    )
    return (
        select(contacts.c.id, addresses.c.id)
        .ext(distinct_on(contacts.c.id))
        .join(links, theirs)
        .join(addresses, of_kind)
        .where(contacts.c.clinic_id == bindparam("clinic"), given(contacts.c.id))
        .order_by(contacts.c.id, links.c.created_at.desc(), links.c.id.desc())
    )


_LATEST = _latest()


def void_texts(uow: UnitOfWork, origin_kind: str, reasons: Mapping[UUID, str]) -> int:
    """Void what these origins still have queued, each for its reason; return how many there were.

    What is `sending` is never touched. No event tells of it: whoever ends an origin waits for
    nothing of it any more.
    """
    columns = _communications.c
    queued = (
        select(columns.clinic_id, columns.id)
        .where(
            columns.clinic_id == uow.clinic_id,
            columns.origin_kind == origin_kind,
            among(columns.origin_id, sorted(reasons)),
            columns.status == "queued",
        )
        .order_by(columns.id)
        .with_for_update()
    ).cte("queued")
    voided = uow.session.execute(
        update(_communications)
        .where(
            tuple_(columns.clinic_id, columns.id).in_(select(queued.c.clinic_id, queued.c.id)),
            columns.status == "queued",
        )
        .values(
            status="voided",
            reason=each_its_own(columns.origin_id, reasons),
            settled_at=uow.now,
            due_at=None,
            held_reason=None,
            lease_until=None,
            lease_token=None,
        )
        .returning(columns.id)
    )
    return len(voided.all())


def release_held(uow: UnitOfWork, *reasons: str, template_id: UUID | None = None) -> int:
    """Let texts, of a template or of all, that were held for these reasons be looked at again now.

    For the clinic's hold switch ("hold"), a sender that works again ("sender_paused"), a template
    that speaks again ("template_paused") and a sequence that goes on ("sequence_paused"). Returns
    how many there were.
    """
    columns = _communications.c
    its_versions = select(col(TemplateVersion.id)).where(
        col(TemplateVersion.clinic_id) == uow.clinic_id,
        col(TemplateVersion.template_id) == template_id,
    )
    released = uow.session.execute(
        update(_communications)
        .where(
            columns.clinic_id == uow.clinic_id,
            columns.status == "queued",
            columns.due_at > uow.now,
            columns.held_reason.in_(reasons),
            columns.lease_token.is_(None),
            *([] if template_id is None else [columns.template_version_id.in_(its_versions)]),
        )
        .values(due_at=uow.now)
        .returning(columns.id)
    )
    return len(released.all())
