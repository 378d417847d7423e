"""What a process is made of; `crm.runtime.build_runtime` is the one place that fills it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm.core.clock import Clock
from crm.core.database import Database
from crm.core.events import Subscriptions
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.core.work import Work

FactSource = Callable[[UnitOfWork, Sequence[UUID]], Mapping[UUID, Mapping[str, Any]]]
"""Communication ids -> facts for the gate, with one set-based read; asked by messaging."""


@dataclass(frozen=True)
class Job:
    """A periodic look after something, run by the scheduler; it is safe to run twice at once."""

    name: str
    seconds: float
    run: Callable[["Runtime"], None]


LeadPanel = Callable[[Any, UnitOfWork, UUID], str]
"""(request, uow, lead id) -> the HTML that a higher package shows on a lead's page."""


StageUse = Callable[[UnitOfWork, UUID], Sequence[str]]
"""A stage's id -> the names of what would stop working without it, in a higher package."""


@dataclass
class Runtime:
    """The settings, the database and the registries of one process."""

    settings: Settings
    clock: Clock
    database: Database
    subscriptions: Subscriptions
    work: Mapping[str, Work]
    fact_sources: Sequence[FactSource] = ()
    jobs: Sequence[Job] = ()
    timeline: Sequence[Any] = ()
    authors: Sequence[Any] = ()
    lead_panels: Sequence[LeadPanel] = ()
    stage_uses: Sequence[StageUse] = ()
    channels: Any = None
    closers: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Give back what the process holds: channels first, the database last."""
        for closer in self.closers:
            closer()
        self.database.engine.dispose()
