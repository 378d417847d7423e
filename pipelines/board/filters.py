"""What of a pipeline its board shows: the filters that stand in the page's address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from pipelines.models import Lead, Stage
from pipelines.replies import PURSUED


@dataclass(frozen=True)
class Filters:
    """Which leads are shown; `me` is who looks, for *Mine*."""

    me: UUID
    is_mine: bool = False
    is_unread: bool = False
    is_stale: bool = False
    is_late: bool = False
    owner_id: UUID | None = None
    source: str | None = None
    service: str | None = None

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def values(self) -> dict[str, str]:
        """The filters by the names of their parameters, without those that let everything pass."""
        given = {
            "mine": "1" if self.is_mine else "",
            "unread": "1" if self.is_unread else "",
            "stale": "1" if self.is_stale else "",
            "late": "1" if self.is_late else "",
            "owner": str(self.owner_id or ""),
            "source": self.source or "",
            "service": self.service or "",
        }
        return {name: value for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The filters as a query string."""
        return urlencode(self.values)

    def query_in(self, pipeline_id: UUID, *, without: str = "") -> str:
        """Return the query string of a pipeline's board with these filters, but perhaps one."""
        kept = {name: value for name, value in self.values.items() if name != without}
        return urlencode({"pipeline": str(pipeline_id), **kept})

    def conditions(self, now: datetime, lead: Any = Lead) -> Sequence[ColumnElement[bool]]:
        """Return what leads must meet, in a statement that also reads their `Stage`."""
        owners = [self.me] if self.is_mine else []
        owners += [self.owner_id] if self.owner_id else []
        found: list[ColumnElement[bool]] = [col(lead.owner_id) == owner for owner in owners]
        if self.is_unread:
            found.append(col(lead.unread_at).is_not(None))
        if self.is_stale:
            found.append(is_stale(now, lead))
        if self.is_late:
            found += [col(lead.reply_due_at) < now, col(Stage.kind).in_(PURSUED)]
        if self.source:
            found.append(col(lead.source) == self.source)
        if self.service:
            found.append(col(lead.service) == self.service)
        return found


def is_stale(now: datetime, lead: Any = Lead) -> ColumnElement[bool]:
    """Return the condition that a lead has waited too long in its `Stage`."""
    patience = func.make_interval(0, 0, 0, col(Stage.stale_after_days))
    return col(lead.stage_entered_at) < now - patience
