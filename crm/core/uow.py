"""The unit of work: one transaction of one clinic, its instant, its events and its rings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from crm.core.bulk import insert_rows
from crm.core.crypto import Keyring
from crm.core.errors import NotFound
from crm.core.events import Delivery, Event, EventRow, Subscriptions
from crm.core.hand import Hand
from crm.core.history import Change, FieldChange, watch_changes
from crm.core.ids import new_id
from crm.core.models import ClinicScoped
from crm.core.news import Announcement, News
from crm.core.principal import Principal

RING_GRACE = timedelta(seconds=5)
"""How long a fresh row is left to its ring before the sweep takes it for lost."""


class LastStatement(Protocol):
    """Something gathered during a transaction and written just before its commit."""

    def write(self, uow: "UnitOfWork") -> None:
        """Write it, rows in id order: these locks are the hottest and are held the shortest."""


Row = TypeVar("Row", bound=ClinicScoped)


class Doorbell(Protocol):
    """Tells workers that rows are due, and open pages what changed; hints that may be lost.

    It never raises, and hardly ever keeps its caller waiting.
    """

    def ring(self, kind: str, ids: Sequence[UUID], queue: str) -> None:
        """Say that rows of this kind are due now."""

    def ring_due(self, kind: str, queue: str, times: int) -> int:
        """Let workers claim whatever is due of a kind, up to so often; return how often it rang."""

    def tell(self, announcement: Announcement) -> None:
        """Tell the open pages of a clinic what was committed."""


class SilentDoorbell:
    """Rings nobody: the sweep finds the work (tests, command line)."""

    def ring(self, kind: str, ids: Sequence[UUID], queue: str) -> None:
        """Do nothing."""

    def ring_due(self, kind: str, queue: str, times: int) -> int:
        """Do nothing."""
        return 0

    def tell(self, announcement: Announcement) -> None:
        """Do nothing."""


@dataclass
class UnitOfWork:
    """What an action gets: the session, whose clinic and principal it is, and the one instant."""

    session: Session
    clinic_id: UUID
    principal: Principal
    now: datetime
    subscriptions: Subscriptions
    keyring: Keyring
    rings: dict[tuple[str, str], list[UUID]] = field(default_factory=dict)
    last: dict[str, "LastStatement"] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    client_id: UUID | None = None
    hand: Hand | None = None
    in_hand: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        watch_changes(self.session, self.changes)

    @property
    def reserved_until(self) -> datetime:
        """The `lease_until` of a due row written now, so that its ring comes before the sweep."""
        return self.now + RING_GRACE

    @contextmanager
    def acting_as(self, principal: Principal) -> Iterator[None]:
        """Let somebody else be on record for what is written meanwhile."""
        before, self.principal = self.principal, principal
        try:
            yield
        finally:
            self.principal = before

    def emit(self, events: Event | Iterable[Event]) -> None:
        """Store events and one delivery for each of their consumers; ring after the commit.

        The caller holds the lock of each event's order key (a new row counts), so that `seq`
        rises in the order of commits.
        """
        batch = [events] if isinstance(events, Event) else list(events)
        if not batch:
            return
        seqs = self._write_events(batch)
        deliveries = [
            self._delivery(event, seqs[event.id], consumer.name, consumer.queue)
            for event in batch
            for consumer in self.subscriptions.of(event.name)
        ]
        for row in deliveries:
            self._reserve(row, len(deliveries))
        self.insert(Delivery, deliveries)
        self.news += (News(event.name, event.lead_id, event.contact_id) for event in batch)

    def _write_events(self, batch: Sequence[Event]) -> dict[UUID, int]:
        rows = [
            {
                "id": event.id,
                "clinic_id": self.clinic_id,
                "name": event.name,
                "order_key": event.order_key,
                "contact_id": event.contact_id,
                "lead_id": event.lead_id,
                "cause": event.cause,
                "principal_kind": self.principal.kind,
                "principal_id": self.principal.id,
                "at": self.now,
                "payload": event,
            }
            for event in batch
        ]
        table = EventRow.__table__  # type: ignore[attr-defined]
        stored = insert_rows(self.session, table, rows, returning=("id", "seq"))
        return {row.id: row.seq for row in stored}

    def _delivery(self, event: Event, seq: int, consumer: str, queue: str) -> dict[str, Any]:
        return {
            "id": new_id(),
            "consumer": consumer,
            "event_id": event.id,
            "order_key": event.order_key,
            "seq": seq,
            "due_at": self.now,
            "attempts": 0,
            "queue": queue,
        }

    def _reserve(self, row: dict[str, Any], beside: int) -> None:
        """Keep a delivery in hand, one of so many; or let it be rung for."""
        token = self.hand.token_for(row["queue"], beside) if self.hand else None
        row["lease_token"] = token
        if self.hand is not None and token is not None:
            row["lease_until"] = self.now + self.hand.lease
            self.in_hand.append(row["id"])
        else:
            row["lease_until"] = self.reserved_until
            self.ring("deliveries", [row["id"]], row["queue"])

    def ring(self, kind: str, ids: Iterable[UUID], queue: str = "default") -> None:
        """Remember to ring for due rows once this transaction is committed; none rings nobody."""
        wanted = list(ids)
        if wanted:
            self.rings.setdefault((kind, queue), []).extend(wanted)

    def tell(
        self, name: str, *, lead_id: UUID | None = None, contact_id: UUID | None = None
    ) -> None:
        """Remember to tell open pages of a change that is no event; events are told by `emit`."""
        self.news.append(News(name, lead_id, contact_id))

    def insert(self, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert many rows of the same columns with one statement; nothing is done for none."""
        stamped = [{"clinic_id": self.clinic_id, **row} for row in rows]
        insert_rows(self.session, model.__table__, stamped)  # type: ignore[attr-defined]

    def add(self, *rows: SQLModel) -> None:
        """Add rows one after another, each flushed, so that references find what they name."""
        for row in rows:
            # Not left to the first wall: with it down, a row still goes into its own clinic.
            if isinstance(row, ClinicScoped) and getattr(row, "clinic_id", None) is None:
                row.clinic_id = self.clinic_id
            self.session.add(row)
            self.session.flush()

    def get(self, model: type[Row], row_id: UUID) -> Row:
        """Return a row of this clinic. Raises NotFound, also for another clinic's id."""
        row = self.session.get(model, (self.clinic_id, row_id))
        if row is None:
            raise NotFound(f"{model.__name__.lower()} not found")
        return row

    def encrypt(self, row_id: UUID, text: str) -> str:
        """Encrypt a field of a row of this clinic."""
        return self.keyring.encrypt(self.session, self.clinic_id, row_id, text)

    def decrypt(self, row_id: UUID, token: str) -> str:
        """Decrypt a field of a row of this clinic. Raises Undecipherable."""
        return self.keyring.decrypt(self.session, self.clinic_id, row_id, token)

    def finish(self) -> None:
        """Write what is still to be flushed, the history of fields, then the last statements."""
        self.session.flush()
        self._write_changes()
        for key in sorted(self.last):
            self.last[key].write(self)

    def _write_changes(self) -> None:
        """Write what changed in declared fields to the history, encrypted."""
        rows = []
        for row, name, old, new in self.changes:
            change_id = new_id()
            rows.append(
                {
                    "id": change_id,
                    "entity": str(row.__tablename__),
                    "entity_id": row.id,
                    "field": name,
                    "old": None if old is None else self.encrypt(change_id, str(old)),
                    "new": None if new is None else self.encrypt(change_id, str(new)),
                    "at": self.now,
                    "principal_kind": self.principal.kind,
                    "principal_id": self.principal.id,
                }
            )
        self.insert(FieldChange, rows)
        self.changes.clear()
