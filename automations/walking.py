"""One enrollment's pass: step after step until the first wait. Pure: no database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from automations.definitions import SequenceDefinition
from automations.facts import Facts
from automations.outcomes import (
    AddTask,
    AwaitSettled,
    Effect,
    Exit,
    Listen,
    MoveLead,
    Next,
    NotifyStaff,
    Outcome,
    QueueText,
    SetDetail,
    StartOther,
    StopOther,
    Take,
    WaitUntil,
)
from automations.program import Place
from automations.steps.base import Heard, Run
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
    """Where an enrollment stands when its pass begins, and what is known of its subject.

    `listens` and `until` are of the wait that the step `step` is in already, `heard` is what came
    of it. What happened after `hears_from` is news to the next wait for an event.
    """

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
    hears_from: datetime | None = None
    listens: str | None = None
    until: datetime | None = None
    heard: Heard | None = None
    queue: str = "default"


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
        if isinstance(self.outcome.then, Listen):
            told |= {"waits_for": self.outcome.then.event}
            told |= {"until": self.outcome.then.until.isoformat()}
        if isinstance(self.outcome.then, Exit):
            told["exit"] = self.outcome.then.reason
        if isinstance(self.outcome.then, Take):
            told["branch"] = self.outcome.then.name
        reason = skipped or self.outcome.skipped
        return told | ({"skipped": reason} if reason else {})


@dataclass(frozen=True)
class Pass:
    """What a pass came to: the steps taken, and where the enrollment stands after them.

    `due_at` is None when it has ended; `exit_reason` then says why. `listens`, `until` and
    `hears_from` are as in `Standing`.
    """

    standing: Standing
    step: int
    occurrence: int
    due_at: datetime | None
    awaits: str | None = None
    exit_reason: str | None = None
    taken: tuple[Taken, ...] = ()
    hears_from: datetime | None = None
    listens: str | None = None
    until: datetime | None = None

    @property
    def last_step(self) -> int | None:
        """The step that was taken last, now or earlier: somebody stands on it until the next."""
        return self.taken[-1].step if self.taken else self.standing.last_step

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """All effects of the steps taken, in order."""
        return tuple(effect for one in self.taken for effect in one.outcome.effects)


def walk(at: Standing, now: datetime) -> Pass:
    """Take steps from where the enrollment stands until one waits or ends it."""
    if at.is_paused:
        return _staying(at, now + PAUSED_FOR, at.until)
    if at.awaits is not None and at.awaited_status in OPEN_STATUSES:
        return _staying(at, now + LOOK_AGAIN, at.until)
    program, position = at.definition.program, at.step
    taken: list[Taken] = []
    while position < len(program):
        place = program[position]
        one = take_step(at, place, len(taken), now)
        then = one.outcome.then
        if isinstance(then, Listen) and at.listens is not None and not taken:
            return _staying(at, then.until, then.until)
        taken.append(one)
        match then:
            case Next():
                position = place.next
            case Take(branch=branch):
                position = place.branches[branch]
            case _:
                return _resting(at, place, tuple(taken), now)
    occurrence = at.occurrence + len(taken)
    return Pass(at, position, occurrence, None, exit_reason=FINISHED, taken=tuple(taken))


def _staying(at: Standing, due_at: datetime, until: datetime | None) -> Pass:
    """Return the pass that takes no step: one looks again at `due_at`."""
    return Pass(
        *(at, at.step, at.occurrence, due_at, at.awaits),
        hears_from=at.hears_from,
        listens=at.listens,
        until=until,
    )


def _hears_from(at: Standing, taken: Sequence[Taken], now: datetime) -> datetime | None:
    """Return after when something is news to a wait that follows these steps.

    A text, a wait and whatever else was done begin anew; a wait that is over, at what ended it.
    Steps that were skipped, and those that only choose, take no time.
    """
    since = at.hears_from
    for index, one in enumerate(taken):
        if index == 0 and at.listens is not None:
            # A day that was moved ends its wait before the time that was set for it.
            since = at.heard.at if at.heard else at.until and min(at.until, now)
        elif one.outcome.effects or isinstance(one.outcome.then, WaitUntil):
            since = now
    return since


def take_step(at: Standing, place: Place, number: int, now: datetime) -> Taken:
    """Let the step of a place decide, as the `number`th of this pass, with the key of this run."""
    occurrence, is_waiting = at.occurrence + number, at.listens is not None and number == 0
    run = Run(
        enrollment_id=at.id,
        contact_id=at.subject.contact_id,
        facts=at.facts,
        key=key_of(at.id, place.position, occurrence),
        now=now,
        zone=at.zone,
        automation_id=at.automation_id,
        path=place.path,
        waits_until=at.until if is_waiting else None,
        heard=at.heard if is_waiting else None,
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
    since = _hears_from(at, taken, now)
    where = Pass(at, place.next, last.occurrence + 1, None, taken=taken, hears_from=since)
    match last.outcome.then:
        case WaitUntil(at=until):
            return replace(where, due_at=until)
        case Exit(reason=reason):
            return replace(where, exit_reason=reason)
        case AwaitSettled():
            key = key_of(at.id, last.step, last.occurrence)
            return replace(where, due_at=now + LOOK_AGAIN, awaits=key)
        case Listen(event=event, until=until):
            # What came before this wait began, or while it is written, the next pass looks for.
            return replace(where, step=place.position, due_at=now, listens=event, until=until)
        case _:
            raise AssertionError("a pass rests on a wait or an end")


def _told(effect: Effect) -> dict[str, Any]:
    match effect:
        case QueueText(template_id=template_id, dedupe_key=key):
            return {"template_id": str(template_id), "dedupe_key": key}
        case MoveLead(to_stage_id=stage_id):
            return {"to_stage_id": str(stage_id)}
        case AddTask(assignee_id=assignee_id):
            return {"assignee_id": str(assignee_id)}
        case NotifyStaff(user_id=user_id):
            return {"user_id": str(user_id)} if user_id else {}
        case SetDetail(field=field):
            return {"field": field}
        case StartOther(automation_id=other) | StopOther(automation_id=other):
            return {"automation_id": str(other)}
        case _:
            return {}
