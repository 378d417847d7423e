"""The hours in which automated texts may arrive, by the recipient's clock (LAW-20, LAW-21)."""

DEFAULT_START_HOUR = 8
"""First hour of the day, inclusive."""

DEFAULT_END_HOUR = 20
"""First hour that is quiet again, exclusive: federal law says 21, the stricter states 20."""
