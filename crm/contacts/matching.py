"""Who somebody is, decided in memory: the one matcher of forms, imports, texts and the API.

Several people may share a phone, so a phone alone names nobody: it does so with a name that may
be the same person's. An email alone names somebody unless the names have nothing in common.
Where it is doubtful there are two contacts, for two can be merged and one cannot be told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from crm.contacts.names import fold, may_be_one, share_a_word
from crm.core.ids import new_id


@dataclass(frozen=True)
class Person:
    """Somebody as they name themselves; phone and email are normal forms."""

    name: str
    phone_e164: str | None = None
    email: str | None = None
    language: str = "en"

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Their (kind, value), the phone first."""
        given = (("phone", self.phone_e164), ("email", self.email))
        return [(kind, value) for kind, value in given if value]


@dataclass(frozen=True)
class Matched:
    """Whose contact a person is, and the addresses they gave, by kind."""

    contact_id: UUID
    address_ids: Mapping[str, UUID]
    is_new: bool


@dataclass
class Known:
    """A contact at some of the addresses, as the matcher sees it."""

    id: UUID
    name: str
    language: str = "en"
    address_ids: set[UUID] = field(default_factory=set)
    is_new: bool = False
    is_named_now: bool = False
    gained: set[UUID] = field(default_factory=set)


def match(people: Sequence[tuple[Person, Mapping[str, UUID]]], known: list[Known]) -> list[Matched]:
    """Find each person among the known contacts, in order; whom nobody knows is added to them."""
    matched = []
    for person, address_ids in people:
        contact = _best(person, address_ids, known)
        is_new = contact is None
        if contact is None:
            contact = Known(new_id(), person.name, person.language, is_new=True)
            known.append(contact)
        elif not fold(contact.name) and fold(person.name):
            contact.name, contact.is_named_now = person.name, True
        contact.gained |= set(address_ids.values()) - contact.address_ids
        contact.address_ids |= set(address_ids.values())
        matched.append(Matched(contact.id, address_ids, is_new))
    return matched


def _best(person: Person, address_ids: Mapping[str, UUID], known: Sequence[Known]) -> Known | None:
    """Return the likeliest contact: by both addresses, by the very name, by phone, the oldest."""
    found = []
    for contact in known:
        by_phone = address_ids.get("phone") in contact.address_ids
        by_email = address_ids.get("email") in contact.address_ids
        if (by_phone and may_be_one(person.name, contact.name)) or (
            by_email and share_a_word(person.name, contact.name)
        ):
            is_same_name = fold(person.name) == fold(contact.name)
            rank = (by_phone and by_email, is_same_name, by_phone)
            found.append((tuple(not part for part in rank), contact.id, contact))
    return min(found, key=lambda one: one[:2])[2] if found else None
