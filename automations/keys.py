"""Ids that follow from their reason: made twice, they are the same, and the row is made once."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID


def derived_id(event_id: UUID, owner_id: UUID, word: str = "") -> UUID:
    """Return the UUIDv7 for what an event does to an owner: the event's time, the rest a hash."""
    return _hashed(event_id.bytes[:6], event_id.bytes + owner_id.bytes + word.encode())


def occurrence_id(at: datetime, owner_id: UUID, word: str) -> UUID:
    """Return the UUIDv7 for what comes to be once an owner and an instant, which is its time."""
    milliseconds = int(at.timestamp() * 1000).to_bytes(6)
    told = f"{at.astimezone(UTC).isoformat()} {word}"
    return _hashed(milliseconds, owner_id.bytes + told.encode())


def _hashed(time: bytes, told: bytes) -> UUID:
    number = int.from_bytes(time + hashlib.blake2b(told, digest_size=10).digest())
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | (0x7 << 76) | (0x2 << 62))
