"""How sequences read on a timeline: who entered and left, who was kept out, what was skipped."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from automations.enrollments import ORIGIN
from automations.events import (
    EnrollmentEnded,
    EnrollmentPaused,
    EnrollmentRefused,
    EnrollmentResumed,
    EnrollmentStarted,
    SkipUndone,
    StepTaken,
)
from automations.models import Automation, Enrollment, StepRun
from automations.names import names_asked, names_found
from automations.versions import definitions
from automations.wording import exit_words, refusal_words, skip_words
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Authors, Entry, Found, TimelineSource

Named = (
    EnrollmentStarted | EnrollmentEnded | EnrollmentRefused | EnrollmentPaused | EnrollmentResumed
)
Told = Named | StepTaken | SkipUndone


def _reads(uow: UnitOfWork, events: Sequence[Told]) -> Mapping[str, Any]:
    runs = {event.step_run_id for event in events if isinstance(event, StepTaken | SkipUndone)}
    whole = {
        event.automation_id for event in events if not isinstance(event, StepTaken | SkipUndone)
    }
    ours = (col(Automation.clinic_id) == uow.clinic_id, col(Automation.id).in_(whole))
    return {
        **({"runs": _skipped_runs(uow, runs), **names_asked(uow)} if runs else {}),
        **({"whole": select(col(Automation.id), col(Automation.name)).where(*ours)}),
    }


def _fill(uow: UnitOfWork, events: Sequence[Told], found: Found) -> Mapping[UUID, Entry]:
    names = {row.id: row.name for row in found["whole"]}
    skipped = _skipped(uow, found) if found.get("runs") else {}
    entries: dict[UUID, Entry] = {}
    for event in events:
        entry = _entry(event, names, skipped)
        if entry is not None:
            entries[event.id] = entry
    return entries


def _entry(
    event: Told, names: Mapping[UUID, str], skipped: Mapping[UUID, tuple[str, str]]
) -> Entry | None:
    """Return an event as people read it; None for what tells them nothing new."""
    match event:
        case EnrollmentStarted(automation_id=automation_id):
            return Entry(_("Sequence “%(name)s” started", name=names[automation_id]), icon="robot")
        case EnrollmentEnded(automation_id=automation_id, reason=reason):
            title = _("Sequence “%(name)s” ended", name=names[automation_id])
            return Entry(title, exit_words(reason), "stop")
        case EnrollmentRefused(automation_id=automation_id, reason="loop" | "paused" as reason):
            title = _("Sequence “%(name)s” did not start", name=names[automation_id])
            return Entry(title, refusal_words(reason), "stop", tone="yellow")
        case StepTaken(step_run_id=run_id) if run_id in skipped:
            step, why = skipped[run_id]
            return Entry(_("Step skipped: %(step)s", step=step), why, "robot")
        case SkipUndone(step_run_id=run_id) if run_id in skipped:
            return Entry(_("Step taken after all: %(step)s", step=skipped[run_id][0]), icon="robot")
        case EnrollmentPaused(automation_id=automation_id):
            title = _("Sequence “%(name)s” paused for this lead", name=names[automation_id])
            return Entry(title, icon="held")
        case EnrollmentResumed(automation_id=automation_id):
            title = _("Sequence “%(name)s” goes on", name=names[automation_id])
            return Entry(title, icon="robot")
        case _:
            return None


def _skipped_runs(uow: UnitOfWork, run_ids: set[UUID]) -> Any:
    why = col(StepRun.outcome)["skipped"].astext
    its = (col(Enrollment.clinic_id) == col(StepRun.clinic_id)) & (
        col(Enrollment.id) == col(StepRun.enrollment_id)
    )
    return (
        select(col(StepRun.id), col(StepRun.step), why.label("why"), col(Enrollment.version_id))
        .join(Enrollment, its)
        .where(
            col(StepRun.clinic_id) == uow.clinic_id,
            col(StepRun.id).in_(run_ids),
            why.is_not(None),
        )
    )


def _skipped(uow: UnitOfWork, found: Found) -> Mapping[UUID, tuple[str, str]]:
    """Return what each skipped step would have done, and why it was skipped."""
    names = names_found(found)
    parsed = definitions(uow, {row.version_id for row in found["runs"]})
    return {
        row.id: (parsed[row.version_id].program[row.step].step.words(names), skip_words(row.why))
        for row in found["runs"]
    }


def _read_senders(uow: UnitOfWork, rows: Sequence[EventRow]) -> Mapping[str, Any]:
    origins = set(_origins(rows).values())
    its = (col(Automation.clinic_id) == col(Enrollment.clinic_id)) & (
        col(Automation.id) == col(Enrollment.automation_id)
    )
    asked = (
        select(col(Enrollment.id), col(Automation.name))
        .join(Automation, its)
        .where(col(Enrollment.clinic_id) == uow.clinic_id, col(Enrollment.id).in_(origins))
    )
    return {"senders": asked} if origins else {}


def _senders(_uow: UnitOfWork, rows: Sequence[EventRow], found: Found) -> Mapping[UUID, str]:
    """Return which sequence sent each text that one sent."""
    names = {row.id: row.name for row in found.get("senders", ())}
    return {
        row_id: _("the sequence “%(name)s”", name=names[origin])
        for row_id, origin in _origins(rows).items()
        if origin in names
    }


def _origins(rows: Sequence[EventRow]) -> Mapping[UUID, UUID]:
    texts = [row for row in rows if row.payload.get("origin_kind") == ORIGIN]
    return {row.id: UUID(row.payload["origin_id"]) for row in texts}


AUTHORS = Authors(_senders, _read_senders)
TIMELINE = TimelineSource(
    (
        EnrollmentStarted,
        EnrollmentEnded,
        EnrollmentRefused,
        StepTaken,
        SkipUndone,
        EnrollmentPaused,
        EnrollmentResumed,
    ),
    _fill,
    "sequences",
    _reads,
)
