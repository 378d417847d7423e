"""One enrollment's pass: step after step until the first wait. Pure: no database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from automations.definitions import SequenceDefinition
from automations.facts import Facts
from automations.outcomes import (
    AwaitSettled,
    Effect,
    Exit,
    MoveLead,
    Next,
    Outcome,
    QueueText,
    WaitUntil,
)
from automations.steps.base import Run
from automations.subjects import Subject
from crm.messaging.models import OPEN_STATUSES

FINISHED = "finished"
"""Why a passage ended that took all its steps."""

LOOK_AGAIN = timedelta(minutes=15)
"""When one who waits for a text asks again whether it is settled, should nobody have told him."""

PAUSED_FOR = timedelta(minutes=5)
"""When one in a paused automation asks again whether it goes on."""

MOST_STEPS = 60
"""Steps of one pass at most; a definition has no more than 50, and no way back."""


@dataclass(frozen=True)
class Standing:
    """Where an enrollment stands when its pass begins, and what is known of its subject."""

    id: UUID
    automation_id: UUID
    automation_name: str
    is_paused: bool
    definition: SequenceDefinition
    subject: Subject
    facts: Facts
    zone: ZoneInfo
    cause: tuple[UUID, ...]
    step: int = 0
    occurrence: int = 0
    awaits: str | None = None
    awaited_status: str | None = None


@dataclass(frozen=True)
class Taken:
    """One executed step: its place, its key's occurrence, and what was decided."""

    step: int
    occurrence: int
    kind: str
    outcome: Outcome

    def record(self, skipped: str | None = None) -> Mapping[str, Any]:
        """Return the outcome as ids and codes; `skipped` is what was learned after deciding."""
        told: dict[str, Any] = {}
        for effect in self.outcome.effects:
            told |= _told(effect)
        if isinstance(self.outcome.then, WaitUntil):
            told["until"] = self.outcome.then.at.isoformat()
        if isinstance(self.outcome.then, Exit):
            told["exit"] = self.outcome.then.reason
        reason = skipped or self.outcome.skipped
        return told | ({"skipped": reason} if reason else {})


@dataclass(frozen=True)
class Pass:
    """What a pass came to: the steps taken, and where the enrollment stands after them.

    `due_at` is None when it has ended; `exit_reason` then says why.
    """

    standing: Standing
    step: int
    occurrence: int
    due_at: datetime | None
    awaits: str | None = None
    exit_reason: str | None = None
    taken: tuple[Taken, ...] = ()

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All effects of the steps taken, in order."""
        return tuple(effect for one in self.taken for effect in one.outcome.effects)


def walk(at: Standing, now: datetime) -> Pass:
    """Take steps from where the enrollment stands until one waits or ends it."""
    if at.is_paused:
        return Pass(at, at.step, at.occurrence, now + PAUSED_FOR, at.awaits)
    if at.awaits is not None and at.awaited_status in OPEN_STATUSES:
        return Pass(at, at.step, at.occurrence, now + LOOK_AGAIN, at.awaits)
    taken: list[Taken] = []
    for step in range(at.step, min(len(at.definition.steps), at.step + MOST_STEPS)):
        one = take_step(at, step, at.occurrence + len(taken), now)
        taken.append(one)
        if not isinstance(one.outcome.then, Next):
            return _resting(at, tuple(taken), now)
    place, occurrence = at.step + len(taken), at.occurrence + len(taken)
    return Pass(at, place, occurrence, None, exit_reason=FINISHED, taken=tuple(taken))


def take_step(at: Standing, step: int, occurrence: int, now: datetime) -> Taken:
    """Let one step decide, with the key of this run."""
    chosen = at.definition.steps[step]
    run = Run(at.id, at.subject.contact_id, at.facts, key_of(at.id, step, occurrence), now, at.zone)
    return Taken(step, occurrence, chosen.kind, chosen.take(run))


def key_of(enrollment_id: UUID, step: int, occurrence: int) -> str:
    """Return the key of one run of one step: what it queues is queued once (REL-D3)."""
    return f"{enrollment_id}:{step}:{occurrence}"


def _resting(at: Standing, taken: tuple[Taken, ...], now: datetime) -> Pass:
    """Return the pass that ends with a step which waits or leaves."""
    last = taken[-1]
    place, occurrence = last.step + 1, last.occurrence + 1
    match last.outcome.then:
        case WaitUntil(at=until):
            return Pass(at, place, occurrence, until, taken=taken)
        case Exit(reason=reason):
            return Pass(at, place, occurrence, None, exit_reason=reason, taken=taken)
        case AwaitSettled():
            key = key_of(at.id, last.step, last.occurrence)
            return Pass(at, place, occurrence, now + LOOK_AGAIN, awaits=key, taken=taken)
        case _:
            raise AssertionError("a pass rests on a wait or an end")


def _told(effect: Effect) -> dict[str, str]:
    match effect:
        case QueueText(template_id=template_id, dedupe_key=key):
            return {"template_id": str(template_id), "dedupe_key": key}
        case MoveLead(to_stage_id=stage_id):
            return {"to_stage_id": str(stage_id)}
