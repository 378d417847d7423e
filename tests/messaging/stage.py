"""A clinic with a number, people who agreed to its texts, and a channel that does as it is told."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from crm.compliance.actions import NewConsent, record_consents
from crm.contacts.actions import Person, match_or_create
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import OutboundText, add_sender, queue_texts
from crm.messaging.channels.base import (
    Accepted,
    Channels,
    Found,
    OutboundMessage,
    Result,
)
from crm.messaging.models import Communication

NEW_YORK = ZoneInfo("America/New_York")
WINDOW = 4


@dataclass
class ScriptedChannel:
    """Keeps what went on the wire and answers by a script, several requests at a time."""

    answer: Callable[[OutboundMessage], Result]
    window: int = WINDOW
    kind: str = "sms"
    wire: list[OutboundMessage] = field(default_factory=list)
    most_flying: int = 0
    has: Callable[[str, str, datetime, str], Sequence[Found] | None] = lambda *asked: ()
    asked: int = 0

    def send_many(self, messages: Iterable[OutboundMessage | None]) -> Iterator[Result]:
        """Fill the window, then answer the oldest request, until nothing is left."""
        source = iter(messages)
        flying: list[OutboundMessage] = []
        while True:
            while len(flying) < self.window and (message := next(source, None)) is not None:
                self.wire.append(message)
                flying.append(message)
            self.most_flying = max(self.most_flying, len(flying))
            if not flying:
                return
            yield self.answer(flying.pop(0))

    def find(self, to: str, sender: str, since: datetime, body: str) -> Sequence[Found] | None:
        """Tell what the script says that the provider has."""
        self.asked += 1
        return self.has(to, sender, since, body)


def accepted(message: OutboundMessage) -> Accepted:
    """Answer as a provider does that works."""
    return Accepted(message.attempt_id, f"SM{message.attempt_id.hex}")


@dataclass
class Somebody:
    """A person with a phone."""

    contact_id: UUID
    address_id: UUID
    phone: str


@dataclass
class Stage:
    """The clinic at noon of a working day, its channel, and shorthands for stories."""

    runtime: Runtime
    clinic: UUID
    channel: ScriptedChannel = field(default_factory=lambda: ScriptedChannel(accepted))
    people: int = 0

    def open(self, provider: str = "twilio") -> "Stage":
        """Give the clinic a number and set the clock to noon in New York."""
        self.runtime.channels = Channels({provider: lambda account: self.channel})
        self.set_clock(12)
        with self.uow() as uow:
            add_sender(uow, provider, "+12125550100")
        return self

    def uow(self) -> Any:
        """Open a transaction of the clinic."""
        return self.runtime.database.transaction(self.clinic, SYSTEM)

    def set_clock(self, hour: int, minute: int = 0) -> datetime:
        """Move the clock to this time of the next day in New York."""
        with self.uow() as uow:
            now = uow.now.astimezone(NEW_YORK)
        target = now.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        day = now.date().toordinal() + 1
        target = target.replace(
            year=now.date().fromordinal(day).year,
            month=now.date().fromordinal(day).month,
            day=now.date().fromordinal(day).day,
        )
        self.runtime.clock.offset += target.astimezone(UTC) - now.astimezone(UTC)
        return target

    def somebody(
        self, *, tier: str = "express", purpose: str = "care", language: str = "en"
    ) -> Somebody:
        """Return a person in New York who gave this consent ("none" for no consent)."""
        self.people += 1
        phone = f"+1212555{1000 + self.people}"
        with self.uow() as uow:
            person = Person(name="Ada Lopez", phone_e164=phone, email=None, language=language)
            [matched] = match_or_create(uow, [person])
            address_id = matched.address_ids["phone"]
            if tier != "none":
                consent = NewConsent(
                    address_id=address_id,
                    contact_id=matched.contact_id,
                    channel="sms",
                    purpose=purpose,  # type: ignore[arg-type]
                    tier=tier,  # type: ignore[arg-type]
                    action="granted",
                )
                record_consents(uow, [consent])
        return Somebody(matched.contact_id, address_id, phone)

    def text(self, somebody: Somebody, **other: Any) -> UUID:
        """Queue a care text for somebody; return its id."""
        with self.uow() as uow:
            return self.text_in(uow, somebody, **other)

    def text_in(self, uow: UnitOfWork, somebody: Somebody, **other: Any) -> UUID:
        """Queue a care text in an open transaction."""
        values: dict[str, Any] = {
            "contact_id": somebody.contact_id,
            "message_class": "care",
            "origin_kind": "campaign",
            "origin_id": new_id(),
            "dedupe_key": str(new_id()),
            "body": "See you soon.",
        }
        text = OutboundText(**{**values, **other})
        return queue_texts(uow, [text])[text.dedupe_key]

    def work(self, kind: str = "communications", queue: str = "default") -> int:
        """Do what is due of a kind, once; return how many rows were claimed."""
        self.runtime.clock.advance(seconds=6)
        return claim_and_perform(self.runtime, kind, queue=queue)

    def row(self, communication_id: UUID) -> Communication:
        """Return a communication as it is now."""
        with self.uow() as uow:
            return uow.get(Communication, communication_id)  # type: ignore[no-any-return]

    def body(self, communication_id: UUID) -> str:
        """Return the words of a communication in clear."""
        with self.uow() as uow:
            row = uow.get(Communication, communication_id)
            return uow.decrypt(row.id, row.body)  # type: ignore[no-any-return]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the payloads of the events of a name, in order."""
        with self.uow() as uow:
            rows = uow.session.scalars(
                select(EventRow).where(col(EventRow.name) == name).order_by(col(EventRow.seq))
            )
            return [row.payload for row in rows]

    @property
    def sent_to(self) -> list[str]:
        """The numbers on the wire, in order."""
        return [message.to for message in self.channel.wire]
