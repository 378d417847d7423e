"""What stands above every page until somebody who can do something about it has done it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.web.frame import Banner


@dataclass(frozen=True)
class Alarm:
    """Something to look at on each page, for whoever has the capability, and where to act on it.

    `look` returns what is the matter, marked with `N_`, or None; it asks one small statement.
    """

    look: Callable[[UnitOfWork], str | None]
    href: str
    capability: str


def raised(uow: UnitOfWork, role: str, alarms: Sequence[Alarm]) -> list[Banner]:
    """Return the banners of the alarms that go off now for a role, not translated yet."""
    looked = [(alarm.look(uow), alarm.href) for alarm in alarms if may(role, alarm.capability)]
    return [Banner(message, href) for message, href in looked if message is not None]
