"""Advisory locks that end with their transaction, so that a pooler may stand in between."""

from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.orm import Session


def try_lock(session: Session, name: str) -> bool:
    """Take the lock of this name until the transaction ends; return False if somebody has it."""
    number = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:n)"), {"n": number}))
