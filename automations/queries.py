"""Reads of automations for pages: a lead's passages with their steps, and all sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select

from automations.models import Automation, Enrollment, SequenceVersion, StepRun
from automations.versions import definitions
from automations.wording import exit_words, skip_words, step_words
from crm.core.uow import UnitOfWork

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


def passages_of(uow: UnitOfWork, lead_id: UUID) -> list[PassageShown]:
    """Return a lead's passages with their steps, the last begun first."""
    c = _enrollments.c
    its = and_(_automations.c.clinic_id == c.clinic_id, _automations.c.id == c.automation_id)
    rows = uow.session.execute(
        select(
            *(c.id, c.version_id, c.state, c.step, c.awaits, c.due_at, c.dead_at, c.exit_reason),
            *(c.entered_at, c.ended_at, _automations.c.name),
            (_automations.c.state == "paused").label("is_paused"),
        )
        .join(_automations, its)
        .where(c.clinic_id == uow.clinic_id, c.lead_id == lead_id)
        .order_by(c.entered_at.desc(), c.id.desc())
    ).all()
    if not rows:
        return []
    steps = _steps(uow, [row.id for row in rows])
    parsed = definitions(uow, {row.version_id for row in rows})
    return [_passage(row, parsed[row.version_id].steps, steps.get(row.id, [])) for row in rows]


def _passage(row: Any, sequence: Sequence[Any], steps: Sequence[StepShown]) -> PassageShown:
    is_live = row.state == "live"
    coming = sequence[row.step].kind if is_live and row.step < len(sequence) else None
    return PassageShown(
        id=row.id,
        name=row.name,
        is_live=is_live,
        is_paused=row.is_paused,
        is_stuck=row.dead_at is not None,
        ended_because=exit_words(row.exit_reason),
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        next_step=step_words(coming) if coming is not None else None,
        due_at=row.due_at if row.awaits is None else None,
        steps=steps,
    )


def _steps(uow: UnitOfWork, enrollment_ids: Sequence[UUID]) -> dict[UUID, list[StepShown]]:
    c = _runs.c
    rows = uow.session.execute(
        select(c.enrollment_id, c.at, c.kind, c.outcome["skipped"].astext.label("skipped"))
        .where(c.clinic_id == uow.clinic_id, c.enrollment_id.in_(enrollment_ids))
        .order_by(c.id.desc())
        .limit(MOST_STEPS_SHOWN)
    )
    steps: dict[UUID, list[StepShown]] = {}
    for row in rows:
        shown = StepShown(row.at, step_words(row.kind), skip_words(row.skipped))
        steps.setdefault(row.enrollment_id, []).append(shown)
    return steps


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
    parsed = definitions(uow, {row.version_id for row in rows})
    return [
        SequenceShown(
            id=row.id,
            name=row.name,
            trigger=parsed[row.version_id].trigger.label,
            is_paused=row.state == "paused",
            version=row.number,
            steps=len(parsed[row.version_id].steps),
            live=row.live or 0,
        )
        for row in rows
    ]
