"""What a lead's page shows beside its timeline, asked for with one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.core.errors import NotFound
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import CHANNELS_OF
from crm.messaging.states import NEEDS_PERSON
from pipelines.lead.actions import CLAIMED_FOR, SEEN_FOR
from pipelines.lead.asking import asked
from pipelines.replies import PURSUED


@dataclass(frozen=True)
class Sheet:
    """A lead with its person and everything around it, as of one instant.

    Rows have the columns of their tables; addresses come with what is known of texts to them.
    """

    now: datetime
    me: UUID
    lead: Any
    person: Any
    clinic: Any
    stages: Sequence[Any]
    lost_reasons: Sequence[Any]
    addresses: Sequence[Any]
    consents: Sequence[Any]
    tags: Sequence[Any]
    every_tag: Sequence[Any]
    members: Sequence[Any]
    visits: Sequence[Any]
    templates: Sequence[Any]
    waiting: Sequence[Any]
    talks: Mapping[UUID, Any]
    has_sender: bool
    is_sender_paused: bool
    unsure: Sequence[Any]
    last_by_hand: Any

    @property
    def has_uncertain(self) -> bool:
        """Whether a person is asked what became of a text."""
        return any(row.reason == NEEDS_PERSON for row in self.unsure)

    @property
    def stage(self) -> Any:
        """The stage where the lead stands."""
        return next(stage for stage in self.stages if stage.id == self.lead.stage_id)

    @property
    def reply_due_at(self) -> datetime | None:
        """By when the patient should be answered, of a lead that is pursued."""
        due_at: datetime | None = self.lead.reply_due_at
        return due_at if self.lead.stage_kind in PURSUED else None

    @property
    def owner_name(self) -> str:
        """Who has the lead, if anybody has."""
        mine = (one.name for one in self.members if one.id == self.lead.owner_id)
        return next(mine, "")

    def said(self, address: Any, purpose: str) -> Any:
        """Return the last word of an address on its own channel for a purpose, if there is one."""
        asked = (address.id, CHANNELS_OF[address.kind], purpose)
        words = (
            one for one in self.consents if (one.address_id, one.channel, one.purpose) == asked
        )
        return next(words, None)

    @property
    def phones(self) -> Sequence[Any]:
        """The person's phones, the one given last first."""
        return [one for one in self.addresses if one.kind == "phone"]

    @property
    def emails(self) -> Sequence[Any]:
        """The person's emails, the one given last first."""
        return [one for one in self.addresses if one.kind == "email"]

    @property
    def mine(self) -> Any:
        """The signed-in user's own visit, if there was one."""
        return next((one for one in self.visits if one.user_id == self.me), None)

    @property
    def others(self) -> Sequence[Any]:
        """Who else is at the lead now."""
        since = self.now - SEEN_FOR
        return [one for one in self.visits if one.user_id != self.me and one.seen_at > since]

    @property
    def claimant(self) -> Any:
        """Who else is writing to the patient now, if anybody is."""
        since = self.now - CLAIMED_FOR
        writing = [one for one in self.visits if one.wrote_at and one.wrote_at > since]
        return next((one for one in writing if one.user_id != self.me), None)


def sheet(uow: UnitOfWork, lead_id: UUID) -> Sheet:
    """Return everything around a lead. Raises NotFound."""
    found = together(uow, **asked(uow, lead_id))
    if not found["lead"]:
        raise NotFound("lead not found")
    [lead], [person], [clinic] = found["lead"], found["person"], found["clinic"]
    accounts = found["accounts"]
    return Sheet(
        now=uow.now,
        me=uow.principal.id or uow.clinic_id,
        lead=lead,
        person=person,
        clinic=clinic,
        talks={row.address_id: row for row in found["talks"]},
        has_sender=bool(accounts),
        is_sender_paused=bool(accounts) and all(row.is_paused for row in accounts),
        last_by_hand=next(iter(found["last_by_hand"]), None),
        **{name: found[name] for name in _LISTS},
    )


_LISTS = (
    *("stages", "lost_reasons", "addresses", "consents", "tags", "every_tag", "members"),
    *("visits", "templates", "waiting", "unsure"),
)
