"""Ids that follow from their reason: made twice, they are the same, and the row is made once."""

import hashlib
from uuid import UUID


def derived_id(event_id: UUID, owner_id: UUID, word: str = "") -> UUID:
    """Return the UUIDv7 for what an event does to an owner: the event's time, the rest a hash."""
    told = event_id.bytes + owner_id.bytes + word.encode()
    digest = hashlib.blake2b(told, digest_size=10).digest()
    number = int.from_bytes(event_id.bytes[:6] + digest)
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | (0x7 << 76) | (0x2 << 62))
