"""What every step is: typed, strict, and pure: `decide(run) -> Outcome`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from automations.conditions import AnyCondition
from automations.facts import Facts, Group
from automations.outcomes import Outcome
from automations.parts import Part


@dataclass(frozen=True)
class Heard:
    """An event that somebody waited for, and when it was."""

    event_id: UUID
    at: datetime


@dataclass(frozen=True)
class Run:
    """What a step knows when it decides: who, the facts, the key of this run, now and the zone.

    `now` is aware; `zone` is the clinic's. `automation_id` and `path` tell the step's place.
    `waits_until` is set where this step waits already (`Listen`), `heard` where the event came.
    """

    enrollment_id: UUID
    contact_id: UUID
    facts: Facts
    key: str
    now: datetime
    zone: ZoneInfo
    automation_id: UUID
    path: str
    waits_until: datetime | None = None
    heard: Heard | None = None


class Step(Part):
    """One step of a sequence; it is skipped where its conditions (`when`) do not all hold.

    `speaks` is the channel by which it speaks to the patient, if it does; `waits` says that time
    may pass at it.
    """

    speaks: ClassVar[str | None] = None
    waits: ClassVar[bool] = False
    arms: ClassVar[tuple[str, ...]] = ()
    """Where the steps of its branches stand: a field, or `list.*.field` for one in each item."""

    when: Annotated[tuple[AnyCondition, ...], Field(max_length=10)] = ()

    needs: ClassVar[frozenset[Group]] = frozenset()

    def asks(self) -> frozenset[Group]:
        """Return the groups of facts that it and its conditions look at, its branches apart."""
        return self.needs.union(*(condition.asks() for condition in self.when))

    def take(self, run: Run) -> Outcome:
        """Return what this step does now, or that it is skipped and which condition says so."""
        for condition in self.when:
            if not condition.holds(run.facts):
                because = (condition.found(run.facts),)
                return Outcome(skipped=f"condition_{condition.kind}", because=because)
        return self.decide(run)

    def decide(self, run: Run) -> Outcome:
        """Return what this step does where its conditions hold."""
        raise TypeError(f"{type(self).__name__} does not decide")
