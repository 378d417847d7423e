"""Reads of automations for pages: a lead's passages, all sequences, and one with its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select

from automations.definitions import SequenceDefinition
from automations.models import Automation, Enrollment, SequenceVersion, StepRun
from automations.names import Names, names_here
from automations.steps.send_text import SendText
from automations.versions import definitions
from automations.wording import exit_words, reentry_words
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.messaging.queries import template_words
from crm.web.language import current_language

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_versions: Any = SequenceVersion.__table__  # type: ignore[attr-defined]
_runs: Any = StepRun.__table__  # type: ignore[attr-defined]


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
            steps=len(parsed[row.version_id].program),
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
    steps = [place.step for place in definition.program]
    sent = {step.template_id for step in steps if isinstance(step, SendText)}
    texts = template_words(uow, sent, current_language())
    return [
        StepRead(
            words=step.words(names),
            only_if=[one.words(names) for one in step.when],
            text=texts.get(step.template_id, "") if isinstance(step, SendText) else "",
            people=people.get(index, 0),
        )
        for index, step in enumerate(steps)
    ]


def _people(uow: UnitOfWork, automation_id: UUID) -> dict[UUID, dict[int, int]]:
    """Count who is in a sequence by version and step, as they see it.

    Somebody stands on the step taken last, which he waits for; who has just come, on the first.
    """
    c = _enrollments.c
    # Who was taken on by an earlier release stands before the next one: it knew no branches.
    at = func.coalesce(c.last_step, func.greatest(c.step - 1, 0)).label("at")
    rows = uow.session.execute(
        select(c.version_id, at, func.count().label("people"))
        .where(c.clinic_id == uow.clinic_id, c.automation_id == automation_id, c.state == "live")
        .group_by(c.version_id, at)
    )
    people: dict[UUID, dict[int, int]] = {}
    for row in rows:
        people.setdefault(row.version_id, {})[row.at] = row.people
    return people
