"""What a committed transaction changed, as the open pages of its clinic are told: ids only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

CHANNEL = "frontdesk:news"
"""Where announcements travel, of all clinics: they are few, and each process hears them once."""

MOST_TOLD = 100
"""Pieces of news that one announcement lists; more of them are told as "everything"."""


class News(NamedTuple):
    """One thing that changed: an event's name or another word, and whom it is about."""

    name: str
    lead_id: UUID | None = None
    contact_id: UUID | None = None


@dataclass(frozen=True)
class Announcement:
    """What one transaction changed in a clinic; `news` is None where it was too much to list.

    `client_id` is the open page that asked for it, which knows already.
    """

    clinic_id: UUID
    news: tuple[News, ...] | None
    client_id: UUID | None = None

    @classmethod
    def of(cls, clinic_id: UUID, news: Iterable[News], client_id: UUID | None) -> "Announcement":
        """Return the announcement of news, each piece told once."""
        listed = tuple(dict.fromkeys(news))
        return cls(clinic_id, listed if len(listed) <= MOST_TOLD else None, client_id)

    def encode(self) -> bytes:
        """Return it as it travels."""
        return _announcements.dump_json(self)


_announcements = TypeAdapter(Announcement)


def decode(data: bytes) -> Announcement:
    """Return what travelled. Raises ValueError for what is no announcement of ours."""
    return _announcements.validate_json(data)
