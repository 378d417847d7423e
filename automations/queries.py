"""Reads of automations for pages: a lead's passages, all sequences, and one with its steps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlmodel import col

from automations.definitions import SequenceDefinition
from automations.models import Automation, Enrollment, SequenceVersion, StepRun
from automations.names import Names
from automations.steps.base import Step
from automations.steps.send_text import SendText
from automations.versions import definitions
from automations.wording import exit_words, reentry_words, skip_words
from crm.core.errors import NotFound
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.models import Template
from crm.messaging.queries import in_language, template_bodies, template_words
from crm.messaging.rendering import preview
from crm.web.language import current_language
from pipelines.models import Pipeline, Stage

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_versions: Any = SequenceVersion.__table__  # type: ignore[attr-defined]
_runs: Any = StepRun.__table__  # type: ignore[attr-defined]

MOST_STEPS_SHOWN = 200


@dataclass(frozen=True)
class StepShown:
    """One executed step: what it was, when, and why it was skipped if it was."""

    at: datetime
    label: str
    skipped: str


@dataclass(frozen=True)
class PassageShown:
    """A lead's passage through a sequence, as its page shows it.

    `says` is what the next text says, `is_resting` that somebody paused just this passage.
    `next_step` and `due_at` are what comes next and when at the earliest; both are None once it
    has ended, and `due_at` is also None while a text is still on its way.
    """

    id: UUID
    name: str
    is_live: bool
    is_paused: bool
    is_stuck: bool
    ended_because: str
    entered_at: datetime
    ended_at: datetime | None
    next_step: str | None
    due_at: datetime | None
    steps: Sequence[StepShown]
    occurrence: int
    place: int
    length: int
    may_skip: bool
    is_resting: bool
    says: str


@dataclass(frozen=True)
class SequenceShown:
    """An automation in the list of sequences."""

    id: UUID
    name: str
    trigger: str
    is_paused: bool
    version: int
    steps: int
    live: int


@dataclass(frozen=True)
class StepRead:
    """A step as people read it: what it does, for whom alone, what its text says, who is at it."""

    words: str
    only_if: Sequence[str]
    text: str
    people: int


@dataclass(frozen=True)
class SequenceRead:
    """An automation as people read it; `in_older` counts who is still in an older version."""

    id: UUID
    name: str
    is_paused: bool
    version: int
    published_at: datetime
    trigger: str
    conditions: Sequence[str]
    exits: Sequence[str]
    reentry: str
    steps: Sequence[StepRead]
    people: int
    in_older: int


def passages_of(uow: UnitOfWork, lead_id: UUID) -> list[PassageShown]:
    """Return a lead's passages with their steps, the last begun first."""
    found = together(
        uow,
        passages=_passages(uow, lead_id),
        runs=_runs_of(uow, lead_id),
        words=template_bodies(uow),
        **names_asked(uow),
    )
    rows = found["passages"]
    if not rows:
        return []
    runs: dict[UUID, list[Any]] = {}
    for run in found["runs"]:
        runs.setdefault(run.enrollment_id, []).append(run)
    parsed, names = definitions(uow, {row.version_id for row in rows}), names_found(found)
    texts = {row.id: in_language(row.bodies, current_language()) for row in found["words"]}
    return [
        _passage(row, parsed[row.version_id].steps, runs.get(row.id, []), names, texts)
        for row in rows
    ]


def _passages(uow: UnitOfWork, lead_id: UUID) -> Select[Any]:
    c = _enrollments.c
    its = and_(_automations.c.clinic_id == c.clinic_id, _automations.c.id == c.automation_id)
    return (
        select(
            *(c.id, c.version_id, c.state, c.step, c.awaits, c.due_at, c.dead_at, c.exit_reason),
            *(c.entered_at, c.ended_at, c.occurrence, c.paused_at, _automations.c.name),
            (_automations.c.state == "paused").label("is_paused"),
        )
        .join(_automations, its)
        .where(c.clinic_id == uow.clinic_id, c.lead_id == lead_id)
        .order_by(c.entered_at.desc(), c.id.desc())
    )


def _coming(row: Any, sequence: Sequence[Step]) -> Step | None:
    """Return the step that comes next: also one whose text is on its way."""
    at = row.step if row.awaits is None else row.step - 1
    return sequence[at] if row.state == "live" and at < len(sequence) else None


def _passage(
    row: Any,
    sequence: Sequence[Step],
    runs: Sequence[Any],
    names: Names,
    texts: Mapping[UUID, str],
) -> PassageShown:
    is_live = row.state == "live"
    coming = _coming(row, sequence)
    return PassageShown(
        id=row.id,
        name=row.name,
        is_live=is_live,
        is_paused=row.is_paused,
        is_stuck=row.dead_at is not None,
        ended_because=exit_words(row.exit_reason),
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        next_step=coming.words(names) if coming is not None else None,
        due_at=row.due_at if row.awaits is None else None,
        steps=[
            StepShown(run.at, sequence[run.step].words(names), skip_words(run.skipped))
            for run in runs
        ],
        occurrence=row.occurrence,
        place=min(row.step + (row.awaits is None), len(sequence)),
        length=len(sequence),
        may_skip=coming is not None and row.dead_at is None,
        is_resting=row.paused_at is not None,
        says=preview(texts.get(coming.template_id, "")) if isinstance(coming, SendText) else "",
    )


def _runs_of(uow: UnitOfWork, lead_id: UUID) -> Select[Any]:
    c, passage = _runs.c, _enrollments.c
    theirs = select(passage.id).where(
        passage.clinic_id == uow.clinic_id, passage.lead_id == lead_id
    )
    return (
        select(c.enrollment_id, c.at, c.step, c.outcome["skipped"].astext.label("skipped"))
        .where(c.clinic_id == uow.clinic_id, c.enrollment_id.in_(theirs))
        .order_by(c.id.desc())
        .limit(MOST_STEPS_SHOWN)
    )


def names_here(uow: UnitOfWork) -> Names:
    """Return what the clinic's templates, pipelines and stages are called."""
    return names_found(together(uow, **names_asked(uow)))


def names_asked(uow: UnitOfWork) -> Mapping[str, Any]:
    """Return what `names_found` reads, to be asked for together with other things."""
    pipeline = (col(Stage.clinic_id) == col(Pipeline.clinic_id)) & (
        col(Stage.pipeline_id) == col(Pipeline.id)
    )
    ids: Any = (col(Stage.id), col(Pipeline.id).label("pipeline_id"))
    return {
        "templates": select(col(Template.id), col(Template.name)).where(
            col(Template.clinic_id) == uow.clinic_id
        ),
        "stages": select(*ids, col(Stage.name), col(Pipeline.name).label("pipeline"))
        .join(Stage, pipeline)
        .where(col(Pipeline.clinic_id) == uow.clinic_id),
    }


def names_found(found: Mapping[str, Sequence[Any]]) -> Names:
    """Return the names that were asked for."""
    stages = found["stages"]
    uses = Counter(row.name for row in stages)
    return Names(
        templates={row.id: row.name for row in found["templates"]},
        pipelines={row.pipeline_id: row.pipeline for row in stages},
        stages={
            row.id: f"{row.name} ({row.pipeline})" if uses[row.name] > 1 else row.name
            for row in stages
        },
    )


def sequences(uow: UnitOfWork) -> list[SequenceShown]:
    """Return the clinic's sequences by name, each with how many people are in it now."""
    c = _automations.c
    live = (
        select(_enrollments.c.automation_id, func.count().label("live"))
        .where(_enrollments.c.clinic_id == uow.clinic_id, _enrollments.c.state == "live")
        .group_by(_enrollments.c.automation_id)
        .subquery()
    )
    published = and_(_versions.c.clinic_id == c.clinic_id, _versions.c.id == c.version_id)
    rows = uow.session.execute(
        select(c.id, c.name, c.state, c.version_id, _versions.c.number, live.c.live)
        .join(_versions, published)
        .outerjoin(live, live.c.automation_id == c.id)
        .where(c.clinic_id == uow.clinic_id)
        .order_by(c.name)
    ).all()
    parsed, names = definitions(uow, {row.version_id for row in rows}), names_here(uow)
    return [
        SequenceShown(
            id=row.id,
            name=row.name,
            trigger=parsed[row.version_id].trigger.words(names),
            is_paused=row.state == "paused",
            version=row.number,
            steps=len(parsed[row.version_id].steps),
            live=row.live or 0,
        )
        for row in rows
    ]


def sequence(uow: UnitOfWork, automation_id: UUID) -> SequenceRead:
    """Return a sequence's published version in words, and who stands where. Raises NotFound."""
    automation = uow.get(Automation, automation_id)
    if automation.version_id is None:
        raise NotFound("nothing is published")
    version = uow.get(SequenceVersion, automation.version_id)
    definition = definitions(uow, [version.id])[version.id]
    people = _people(uow, automation_id)
    names = names_here(uow)
    return SequenceRead(
        id=automation.id,
        name=automation.name,
        is_paused=automation.state == "paused",
        version=version.number,
        published_at=version.published_at,
        trigger=definition.trigger.words(names),
        conditions=[one.words(names) for one in definition.conditions],
        exits=[exit_words(code) for code in definition.exits],
        reentry=reentry_words(definition.reentry),
        steps=_steps_read(uow, definition, names, people.get(version.id, {})),
        people=sum(sum(steps.values()) for steps in people.values()),
        in_older=sum(sum(steps.values()) for one, steps in people.items() if one != version.id),
    )


def _steps_read(
    uow: UnitOfWork, definition: SequenceDefinition, names: Names, people: Mapping[int, int]
) -> list[StepRead]:
    sent = {step.template_id for step in definition.steps if isinstance(step, SendText)}
    texts = template_words(uow, sent, current_language())
    return [
        StepRead(
            words=step.words(names),
            only_if=[one.words(names) for one in step.when],
            text=texts.get(step.template_id, "") if isinstance(step, SendText) else "",
            people=people.get(index, 0),
        )
        for index, step in enumerate(definition.steps)
    ]


def _people(uow: UnitOfWork, automation_id: UUID) -> dict[UUID, dict[int, int]]:
    """Count who is in a sequence by version and step, as they see it.

    `step` is the next one to take; until then somebody stands on the one before, which he waits
    for. Who has just come stands on the first.
    """
    c = _enrollments.c
    at = func.greatest(c.step - 1, 0).label("at")
    rows = uow.session.execute(
        select(c.version_id, at, func.count().label("people"))
        .where(c.clinic_id == uow.clinic_id, c.automation_id == automation_id, c.state == "live")
        .group_by(c.version_id, at)
    )
    people: dict[UUID, dict[int, int]] = {}
    for row in rows:
        people.setdefault(row.version_id, {})[row.at] = row.people
    return people
