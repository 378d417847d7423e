"""What a trigger, a condition or a step may know about a person: frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

Group = Literal[
    "clock", "reach", "consents", "tags", "replies", "texts", "requests", "passages", "tasks"
]
"""A part of the facts that is read where a definition asks for it, and not else."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LeadFacts:
    """Where a lead stands and where it came from; times are aware."""

    id: UUID
    pipeline_id: UUID
    stage_id: UUID
    stage_kind: str
    source: str
    owner_id: UUID | None = None
    value_cents: int = 0
    created_at: datetime = LONG_AGO
    stage_entered_at: datetime = LONG_AGO
    follow_up_on: date | None = None


@dataclass(frozen=True)
class Moment:
    """When is asked, in which zone and since when somebody is in the sequence.

    `since` is None for who has not entered yet; `closed_on` are the clinic's days off, `hours` its
    first hour and the first after its last.
    """

    now: datetime
    zone: ZoneInfo
    since: datetime | None = None
    closed_on: frozenset[date] = frozenset()
    hours: tuple[int, int] = (8, 20)

    @property
    def local(self) -> datetime:
        """Now, on the clinic's clock."""
        return self.now.astimezone(self.zone)

    def days_since(self, at: datetime) -> int:
        """Return how many whole days have passed."""
        return (self.now - at) // timedelta(days=1)


@dataclass(frozen=True)
class Reach:
    """How a person is reached: the zone they are likely in, and whether by phone and by email."""

    zone: str | None = None
    has_phone: bool = False
    has_email: bool = False


@dataclass(frozen=True)
class Texted:
    """When the last text left to a person, and when the last that was delivered did.

    `wrote_at` is when the last text or email left that they may have read.
    """

    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    wrote_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """The person's language, the lead where the subject is one, and the groups that were read."""

    language: str
    lead: LeadFacts | None = None
    groups: Mapping[Group, Any] = field(default_factory=dict)

    @property
    def moment(self) -> Moment:
        """When is asked."""
        return self._group("clock")  # type: ignore[no-any-return]

    @property
    def reach(self) -> Reach:
        """How the person is reached."""
        return self._group("reach")  # type: ignore[no-any-return]

    @property
    def consents(self) -> frozenset[tuple[str, str]]:
        """The channels and purposes to which an address of theirs agrees, unless suppressed."""
        return self._group("consents")  # type: ignore[no-any-return]

    @property
    def tags(self) -> Mapping[str, UUID]:
        """The lead's tags by their folded names."""
        return self._group("tags")  # type: ignore[no-any-return]

    @property
    def replied_at(self) -> datetime | None:
        """When the person last answered."""
        return self._group("replies")  # type: ignore[no-any-return]

    @property
    def texted(self) -> Texted:
        """When the person was last texted."""
        return self._group("texts")  # type: ignore[no-any-return]

    @property
    def requests(self) -> int:
        """How many requests are on the lead."""
        return self._group("requests")  # type: ignore[no-any-return]

    @property
    def passages(self) -> Mapping[UUID, UUID]:
        """Through which sequences the subject went, by the enrollments' ids."""
        return self._group("passages")  # type: ignore[no-any-return]

    @property
    def tasks(self) -> Mapping[UUID, datetime]:
        """When each of the lead's tasks is due that is not done."""
        return self._group("tasks")  # type: ignore[no-any-return]

    def since(self, entered_at: datetime) -> "Facts":
        """Return the same as of somebody who entered then."""
        return self._timed(since=entered_at)

    def at(self, now: datetime) -> "Facts":
        """Return the same as of another instant."""
        return self._timed(now=now)

    def _timed(self, **times: datetime) -> "Facts":
        if "clock" not in self.groups:
            return self
        moment = replace(self.moment, **times)  # type: ignore[arg-type]
        return replace(self, groups={**self.groups, "clock": moment})

    def _group(self, group: Group) -> Any:
        if group not in self.groups:
            raise LookupError(f"{group}: a part that looks at it must say that it needs it")
        return self.groups[group]

    def inputs(self) -> Mapping[str, str]:
        """Return the facts as ids and codes, as a step run keeps them."""
        known = {"language": self.language}
        if self.lead is not None:
            known |= {
                "pipeline_id": str(self.lead.pipeline_id),
                "stage_id": str(self.lead.stage_id),
                "stage_kind": self.lead.stage_kind,
                "source": self.lead.source,
            }
        return known
