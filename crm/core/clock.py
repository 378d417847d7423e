"""The product's time: the database's clock plus one configured offset."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass
class Clock:
    """The offset that is added to the database's time (tests, faults and the demo move it)."""

    offset: timedelta = timedelta()

    def advance(self, **amount: float) -> None:
        """Move the offset by `timedelta(**amount)`."""
        self.offset += timedelta(**amount)
