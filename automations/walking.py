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
    Take,
    WaitUntil,
)
from automations.program import Place
from automations.steps.base import Run
from automations.subjects import Subject
from crm.messaging.models import OPEN_STATUSES

FINISHED = "finished"
"""Why a passage ended that took all its steps."""

LOOK_AGAIN = timedelta(minutes=15)
"""When one who waits for a text asks again whether it is settled, should nobody have told him."""

PAUSED_FOR = timedelta(minutes=5)
"""When one in a paused automation asks again whether it goes on."""


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
    last_step: int | None = None
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
        if self.outcome.because:
            told["because"] = self.outcome.because
        for effect in self.outcome.effects:
            told |= _told(effect)
        if isinstance(self.outcome.then, WaitUntil):
            told["until"] = self.outcome.then.at.isoformat()
        if isinstance(self.outcome.then, Exit):
            told["exit"] = self.outcome.then.reason
        if isinstance(self.outcome.then, Take):
            told["branch"] = self.outcome.then.name
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
    def last_step(self) -> int | None:
        """The step that was taken last, now or earlier: somebody stands on it until the next."""
        return self.taken[-1].step if self.taken else self.standing.last_step

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
    program, position = at.definition.program, at.step
    taken: list[Taken] = []
    while position < len(program):
        place = program[position]
        one = take_step(at, place, at.occurrence + len(taken), now)
        taken.append(one)
        match one.outcome.then:
            case Next():
                position = place.next
            case Take(branch=branch):
                position = place.branches[branch]
            case _:
                return _resting(at, place, tuple(taken), now)
    occurrence = at.occurrence + len(taken)
    return Pass(at, position, occurrence, None, exit_reason=FINISHED, taken=tuple(taken))


def take_step(at: Standing, place: Place, occurrence: int, now: datetime) -> Taken:
    """Let the step of a place decide, with the key of this run."""
    run = Run(
        enrollment_id=at.id,
        contact_id=at.subject.contact_id,
        facts=at.facts,
        key=key_of(at.id, place.position, occurrence),
        now=now,
        zone=at.zone,
        automation_id=at.automation_id,
        path=place.path,
    )
    return Taken(place.position, occurrence, place.step.kind, place.step.take(run))


def key_of(enrollment_id: UUID, step: int, occurrence: int) -> str:
    """Return the key of one run of one step: what it queues is queued once (REL-D3)."""
    return f"{enrollment_id}:{step}:{occurrence}"


def step_of(key: str) -> int:
    """Return the step whose run has this key."""
    return int(key.split(":")[1])


def _resting(at: Standing, place: Place, taken: tuple[Taken, ...], now: datetime) -> Pass:
    """Return the pass that ends with a step which waits or leaves."""
    last = taken[-1]
    occurrence = last.occurrence + 1
    match last.outcome.then:
        case WaitUntil(at=until):
            return Pass(at, place.next, occurrence, until, taken=taken)
        case Exit(reason=reason):
            return Pass(at, place.next, occurrence, None, exit_reason=reason, taken=taken)
        case AwaitSettled():
            key = key_of(at.id, last.step, last.occurrence)
            return Pass(at, place.next, occurrence, now + LOOK_AGAIN, awaits=key, taken=taken)
        case _:
            raise AssertionError("a pass rests on a wait or an end")


def _told(effect: Effect) -> dict[str, str]:
    match effect:
        case QueueText(template_id=template_id, dedupe_key=key):
            return {"template_id": str(template_id), "dedupe_key": key}
        case MoveLead(to_stage_id=stage_id):
            return {"to_stage_id": str(stage_id)}
