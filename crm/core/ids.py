"""Row ids: UUIDv7, so that they sort by time and can be partitioned by range later."""

from uuid import UUID

import uuid_utils.compat as uuid_utils


def new_id() -> UUID:
    """Return a new time-ordered UUIDv7."""
    return uuid_utils.uuid7()
