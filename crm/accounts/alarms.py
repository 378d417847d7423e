"""What is watched for whoever is signed in: what stands above every page, and the counts around it.

Each of them is an expression and no question of its own: all are asked in the one statement that
finds out whose request it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from crm.accounts.roles import may
from crm.core.asking import Asking
from crm.web.frame import Banner

Look = Callable[[Asking], ColumnElement[str | None]]
"""From whose clinic and when, the expression of what is the matter (an `N_`), or of NULL."""

Count = Callable[[Asking, ColumnElement[UUID]], ColumnElement[int]]
"""From that and a user's id, the expression of how many things wait for him."""


@dataclass(frozen=True)
class Alarm:
    """Something to look at on each page, for whoever has the capability, and where to act on it."""

    look: Look
    href: str
    capability: str


@dataclass(frozen=True, eq=False)
class Watched:
    """Everything that is watched; `app.state.watched` holds the product's.

    One is itself and like no other, so that its statement can be kept.
    """

    alarms: Sequence[Alarm] = ()
    counts: Mapping[str, Count] = field(default_factory=dict)

    def columns(self, asking: Asking, user_id: ColumnElement[UUID]) -> list[ColumnElement[Any]]:
        """Return what is to be selected beside a user: the alarms, then the counts."""
        return [
            *(alarm.look(asking) for alarm in self.alarms),
            *(count(asking, user_id) for count in self.counts.values()),
        ]

    def raised(self, values: Sequence[Any], role: str) -> list[Banner]:
        """Return the banners of the alarms that go off for a role, not translated yet."""
        looked = zip(self.alarms, values, strict=False)
        return [
            Banner(message, alarm.href)
            for alarm, message in looked
            if message is not None and may(role, alarm.capability)
        ]

    def counted(self, values: Sequence[Any]) -> dict[str, int]:
        """Return the counts by their names."""
        return dict(zip(self.counts, values[len(self.alarms) :], strict=True))


NOTHING = Watched()
