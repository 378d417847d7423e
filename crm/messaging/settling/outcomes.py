"""What settling writes of a text that was asked about."""

from datetime import datetime
from typing import Any

_COUNTS = ("asked", "resends", "attempts")


def settlement(
    row: Any,
    *,
    status: str,
    reason: str | None = None,
    due: datetime | None = None,
    lease: datetime | None = None,
    **counts: int,
) -> dict[str, Any]:
    """Return what SETTLE writes of a text that was asked about."""
    return {
        **{"id": row.id, "attempt": row.attempt_id, "status": status, "reason": reason},
        **{"due": due, "lease": lease},
        **{name: counts.get(name, getattr(row, name)) for name in _COUNTS},
    }
