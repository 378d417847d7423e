"""What a lead's page shows of its passages through sequences, read with one statement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from automations.models import Automation, Enrollment, SequenceVersion, StepRun
from automations.names import Names, names_asked, names_found
from automations.program import Program
from automations.steps.base import Step
from automations.steps.send_email import SendEmail
from automations.steps.send_text import SendText
from automations.steps.stop import Stop
from automations.steps.wait_for import WaitFor
from automations.steps.wait_until import WaitUntilTime
from automations.versions import definitions
from automations.walking import step_of
from automations.wording import exit_words, skip_words
from crm.accounts.models import Clinic
from crm.contacts.models import Contact
from crm.contacts.queries import join_person
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.composing import merge_values
from crm.messaging.models import Communication
from crm.messaging.queries import in_language, template_bodies
from crm.messaging.rendering import EMAIL_LIMIT, preview
from pipelines.models import Lead

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_versions: Any = SequenceVersion.__table__  # type: ignore[attr-defined]
_texts: Any = Communication.__table__  # type: ignore[attr-defined]
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
    has ended, and `due_at` is also None while a text is still on its way. Of one that is held,
    `held` says why, and `due_at` when it is looked at again. `is_wait` tells that a wait comes
    next, which begins then. `says` is what the next text says to this person, `is_resting` that
    somebody paused just this passage.
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
    is_wait: bool
    held: str = ""


def passages_of(uow: UnitOfWork, lead_id: UUID) -> list[PassageShown]:
    """Return a lead's passages with their steps, the last begun first."""
    found = together(
        uow,
        people=_whose(uow, lead_id),
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
    [person] = found["people"]
    values = merge_values(
        person.name, person.clinic_name, person.clinic_phone, service=person.service
    )
    texts = {row.id: in_language(row.bodies, person.language) for row in found["words"]}

    def says(step: SendText | SendEmail) -> str:
        return preview(texts.get(step.template_id, ""), values, EMAIL_LIMIT)

    return [
        _passage(row, parsed[row.version_id].program, runs.get(row.id, []), names, says)
        for row in rows
    ]


def _whose(uow: UnitOfWork, lead_id: UUID) -> Any:
    person = aliased(Contact)
    query: Any = (
        select(
            *(col(person.name), col(person.language), col(Lead.service)),
            col(Clinic.name).label("clinic_name"),
            col(Clinic.phone).label("clinic_phone"),
        )
        .select_from(Lead)
        .join(Clinic, col(Clinic.id) == col(Lead.clinic_id))
        .where(col(Lead.clinic_id) == uow.clinic_id, col(Lead.id) == lead_id)
    )
    return join_person(query, Lead, person)


def _passages(uow: UnitOfWork, lead_id: UUID) -> Select[Any]:
    c = _enrollments.c
    its = and_(_automations.c.clinic_id == c.clinic_id, _automations.c.id == c.automation_id)
    text = _texts.c
    awaited = and_(text.clinic_id == c.clinic_id, text.dedupe_key == c.awaits)
    is_held = and_(text.status == "queued", text.held_reason.is_not(None))
    return (
        select(
            *(c.id, c.version_id, c.state, c.step, c.awaits, c.due_at, c.dead_at, c.exit_reason),
            *(c.entered_at, c.ended_at, c.occurrence, c.paused_at, _automations.c.name),
            (_automations.c.state == "paused").label("is_paused"),
            case((is_held, text.held_reason)).label("held_reason"),
            case((is_held, text.due_at)).label("held_until"),
            text.channel,
        )
        .join(_automations, its)
        .outerjoin(_texts, awaited)
        .where(c.clinic_id == uow.clinic_id, c.lead_id == lead_id)
        .order_by(c.entered_at.desc(), c.id.desc())
    )


def _coming(row: Any, program: Program) -> Step | None:
    """Return the step that comes next: also one whose text is on its way."""
    at = row.step if row.awaits is None else step_of(row.awaits)
    return program[at].step if row.state == "live" and at < len(program) else None


def _passage(
    row: Any,
    program: Program,
    runs: Sequence[Any],
    names: Names,
    says: Callable[[SendText | SendEmail], str],
) -> PassageShown:
    is_live = row.state == "live"
    coming = _coming(row, program)
    return PassageShown(
        id=row.id,
        name=row.name,
        is_live=is_live,
        is_paused=row.is_paused,
        is_stuck=row.dead_at is not None,
        ended_because=exit_words(row.exit_reason),
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        next_step=coming.words(names)
        if coming is not None and not isinstance(coming, Stop)
        else None,
        due_at=row.due_at if row.awaits is None else row.held_until,
        steps=[
            StepShown(run.at, program[run.step].step.words(names), skip_words(run.skipped))
            for run in runs
        ],
        occurrence=row.occurrence,
        place=min(row.step + (row.awaits is None), len(program)),
        length=len(program),
        may_skip=coming is not None and row.dead_at is None,
        is_resting=row.paused_at is not None,
        says=says(coming) if isinstance(coming, SendText | SendEmail) else "",
        is_wait=isinstance(coming, WaitFor | WaitUntilTime),
        held=states.reason(row.held_reason, row.channel or "sms"),
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
