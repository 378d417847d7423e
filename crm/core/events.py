"""Typed events, the consumers that react to them, and the rows both leave behind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid
from sqlmodel import Field as Column

from crm.core.ids import new_id
from crm.core.models import ClinicScoped, DataClass, Due, due_indexes, table_args

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork

MAX_CAUSES = 12


class Event(BaseModel):
    """A fact in the past tense: ids and codes only, never a name, a phone or a body.

    Versions are made by adding fields with defaults: every released event decodes for ever.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: ClassVar[str]
    types: ClassVar[dict[str, type["Event"]]] = {}

    id: UUID = Field(default_factory=new_id, exclude=True)
    order_key: UUID = Field(exclude=True)
    contact_id: UUID | None = Field(default=None, exclude=True)
    lead_id: UUID | None = Field(default=None, exclude=True)
    cause: tuple[UUID, ...] = Field(default=(), exclude=True)
    at: datetime | None = Field(default=None, exclude=True)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" in cls.__dict__:
            Event.types[cls.name] = cls

    @property
    def chain(self) -> tuple[UUID, ...]:
        """The cause of whatever follows from this event: its own causes and itself."""
        return (*self.cause, self.id)

    @property
    def is_runaway(self) -> bool:
        """Whether so many reactions led here that a loop is likelier than a plan."""
        return len(self.cause) >= MAX_CAUSES


class EventRow(ClinicScoped, table=True):
    """An event as stored; the timeline of a contact is read from here."""

    __tablename__ = "events"
    __table_args__ = table_args(
        Index("ix_events_contact", "clinic_id", "contact_id", "id"),
        Index("ix_events_lead", "clinic_id", "lead_id", "id"),
        # What ends sequences is looked for by whoever starts one late; it is few among many.
        Index(
            "ix_events_heard",
            "clinic_id",
            "seq",
            postgresql_where=text("name IN ('text.received', 'address.suppressed')"),
        ),
        # What one phone answered, for whoever waits for that.
        Index(
            "ix_events_answers",
            "clinic_id",
            "order_key",
            "seq",
            postgresql_where=text("name = 'text.received'"),
        ),
    )
    retention = DataClass.LEAD
    is_append_only = True

    seq: int = Column(
        default=None, sa_type=BigInteger, sa_column_args=(Identity(),), nullable=False
    )
    name: str
    order_key: UUID
    contact_id: UUID | None = None
    lead_id: UUID | None = None
    cause: list[UUID] = Column(default_factory=list, sa_type=ARRAY(Uuid))
    principal_kind: str
    principal_id: UUID | None = None
    at: datetime
    payload: dict[str, Any] = Column(default_factory=dict, sa_type=JSONB)


class Delivery(ClinicScoped, Due, table=True):
    """One event that one consumer has still to react to; done deliveries are deleted."""

    __tablename__ = "deliveries"
    __table_args__ = table_args(
        *due_indexes("deliveries"),
        Index(
            "ix_deliveries_order",
            "consumer",
            "order_key",
            "seq",
            postgresql_where=text("dead_at IS NULL"),
        ),
    )
    retention = DataClass.QUEUE

    consumer: str
    event_id: UUID
    order_key: UUID
    seq: int = Column(sa_type=BigInteger)


Reaction = Callable[["UnitOfWork", Sequence[Any]], None]


@dataclass(frozen=True)
class Consumer:
    """A named reaction to some kinds of events."""

    name: str
    events: tuple[type[Event], ...]
    run: Reaction
    queue: str = "default"


def consumes(
    *events: type[Event], name: str, queue: str = "default"
) -> Callable[[Reaction], Consumer]:
    """Make a function `(uow, events)` the named consumer of these kinds of events."""
    return lambda run: Consumer(name, events, run, queue)


class Subscriptions:
    """Which consumers react to which event."""

    def __init__(self, consumers: Iterable[Consumer]) -> None:
        self.by_name = {consumer.name: consumer for consumer in consumers}
        self._by_event: dict[str, list[Consumer]] = {}
        for consumer in self.by_name.values():
            for event in consumer.events:
                self._by_event.setdefault(event.name, []).append(consumer)

    def of(self, event_name: str) -> Sequence[Consumer]:
        """Return the consumers of an event; an event without one is only recorded."""
        return self._by_event.get(event_name, ())


def decode(row: Any) -> Event:
    """Return the event that a row of `events` holds. Raises KeyError for a name unknown here."""
    return Event.types[row.name](
        id=row.id,
        order_key=row.order_key,
        contact_id=row.contact_id,
        lead_id=row.lead_id,
        cause=tuple(row.cause),
        at=row.at,
        **row.payload,
    )
