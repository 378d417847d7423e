"""What a person does by hand: start a sequence; skip a step, take that back, pause, let go on."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from automations.enrollments import ORIGIN
from automations.events import (
    EnrollmentPaused,
    EnrollmentResumed,
    SkipUndone,
    StartRequested,
    StepTaken,
)
from automations.models import Automation, Enrollment, StepRun
from automations.program import Program
from automations.subjects import Subject, lock_facts
from automations.versions import definitions
from automations.walking import step_of
from crm.compliance.actions import lock_addresses
from crm.core.errors import N_, Conflict, NotFound, StaleVersion
from crm.core.uow import UnitOfWork
from crm.messaging.actions import release_held, void_texts
from crm.messaging.models import Communication

SKIPPED = "by_hand"
"""Why a step was not taken: somebody said so."""


class NothingToSkip(Conflict):
    """The passage has ended, or its text is on its way."""

    code = "nothing_to_skip"
    title = N_("This step can no longer be skipped")


def skip_step(uow: UnitOfWork, enrollment_id: UUID, occurrence: int) -> Enrollment:
    """Pass over the next step of a passage, or the one whose text or event is still waited for.

    What follows keeps its time. `occurrence` is the one that was seen. Raises NotFound,
    StaleVersion, NothingToSkip.
    """
    passage = _held(uow, enrollment_id)
    _check(passage, occurrence)
    if passage.awaits is not None and not void_texts(uow, ORIGIN, {passage.id: "step_skipped"}):
        raise NothingToSkip
    if not pass_over(uow, [passage]):
        raise NothingToSkip
    return passage


def pass_over(uow: UnitOfWork, passages: Sequence[Enrollment]) -> int:
    """Let locked passages go on without their next step; return how many had one.

    Of those that wait for a text, it must have been voided.
    """
    parsed = definitions(uow, {one.version_id for one in passages})
    runs = [(one, _pass_over(uow, one, parsed[one.version_id].program)) for one in passages]
    passed = [(passage, run) for passage, run in runs if run is not None]
    uow.session.add_all(run for _passage, run in passed)
    uow.session.flush()
    uow.emit(
        StepTaken(enrollment_id=one.id, step_run_id=run.id, kind=run.kind, **_about(one))
        for one, run in passed
    )
    return len(passed)


def _pass_over(uow: UnitOfWork, passage: Enrollment, program: Program) -> StepRun | None:
    step = passage.step
    if passage.awaits is not None:
        step = step_of(passage.awaits)
        passage.awaits = None
        _go_on(uow, passage)
    elif step >= len(program):
        return None
    else:
        # With all that its branches hold.
        passage.step = program[step].next
        if passage.listens is not None:
            _stop_waiting(uow, passage)
    passage.occurrence += 1
    return StepRun(
        clinic_id=uow.clinic_id,
        enrollment_id=passage.id,
        step=step,
        occurrence=passage.occurrence - 1,
        kind=program[step].step.kind,
        outcome={"skipped": SKIPPED},
        at=uow.now,
    )


def undo_skip(uow: UnitOfWork, enrollment_id: UUID, occurrence: int) -> Enrollment:
    """Let the step that was just skipped be taken after all; its time must not have come.

    Raises NotFound, StaleVersion.
    """
    passage = _held(uow, enrollment_id)
    _check(passage, occurrence)
    last = uow.session.scalar(
        select(StepRun)
        .where(col(StepRun.clinic_id) == uow.clinic_id, col(StepRun.enrollment_id) == enrollment_id)
        .order_by(col(StepRun.id).desc())
        .limit(1)
    )
    is_last = last is not None and last.outcome.get("skipped") == SKIPPED
    if last is None or not is_last or _program(uow, passage)[last.step].next != passage.step:
        raise StaleVersion(N_("The sequence has gone on meanwhile."))
    passage.step = last.step
    # A number is used once: what the step queues now has a key of its own.
    passage.occurrence += 1
    uow.session.flush()
    uow.emit(SkipUndone(enrollment_id=passage.id, step_run_id=last.id, **_about(passage)))
    return passage


def start(uow: UnitOfWork, automation_id: UUID, subjects: Sequence[Subject]) -> None:
    """Start a sequence for leads or contacts, by its own rules: who may not enter is on record.

    Raises NotFound for a sequence that is unknown or was never published.
    """
    if uow.get(Automation, automation_id).version_id is None:
        raise NotFound("nothing is published")
    known = lock_facts(uow, subjects)
    uow.emit(
        StartRequested(
            order_key=subject.id,
            contact_id=subject.contact_id,
            lead_id=subject.lead_id,
            automation_id=automation_id,
        )
        for subject in subjects
        if subject in known
    )


def pause(uow: UnitOfWork, enrollment_id: UUID) -> Enrollment:
    """Let one passage rest where it is; its texts that wait are held. Raises NotFound."""
    passage = _held(uow, enrollment_id)
    if passage.paused_at is None and passage.state == "live":
        passage.paused_at = uow.now
        uow.session.flush()
        uow.emit(
            EnrollmentPaused(
                enrollment_id=passage.id, automation_id=passage.automation_id, **_about(passage)
            )
        )
    return passage


def resume(uow: UnitOfWork, enrollment_id: UUID) -> Enrollment:
    """Let a passage go on: what came due meanwhile within minutes. Raises NotFound."""
    passage = _held(uow, enrollment_id)
    if passage.paused_at is not None:
        passage.paused_at = None
        uow.session.flush()
        # Those of others that are paused are looked at, too, and held again.
        release_held(uow, "sequence_paused")
        uow.emit(
            EnrollmentResumed(
                enrollment_id=passage.id, automation_id=passage.automation_id, **_about(passage)
            )
        )
    return passage


def _program(uow: UnitOfWork, passage: Enrollment) -> Program:
    return definitions(uow, [passage.version_id])[passage.version_id].program


def _held(uow: UnitOfWork, enrollment_id: UUID) -> Enrollment:
    """Lock the subject, then the passage; whoever works on it has lost it to us."""
    passage = uow.get(Enrollment, enrollment_id)
    _lock_awaited(uow, passage)
    lock_facts(uow, [Subject(passage.contact_id, passage.lead_id)])
    uow.session.refresh(passage, with_for_update=True)
    passage.lease_until, passage.lease_token = None, None
    return passage


def _check(passage: Enrollment, occurrence: int) -> None:
    if passage.state != "live" or passage.dead_at is not None:
        raise NothingToSkip
    if passage.occurrence != occurrence:
        raise StaleVersion(N_("The sequence has gone on meanwhile."))


def _lock_awaited(uow: UnitOfWork, passage: Enrollment) -> None:
    """Lock the address of the text it waits for: addresses come before everything else."""
    if passage.awaits is not None:
        lock_addresses(uow, list(uow.session.scalars(_awaited(uow, passage, "address_id"))))


def _awaited(uow: UnitOfWork, passage: Enrollment, column: str) -> Any:
    return select(getattr(Communication, column)).where(
        col(Communication.clinic_id) == uow.clinic_id,
        col(Communication.dedupe_key) == passage.awaits,
    )


def _stop_waiting(uow: UnitOfWork, passage: Enrollment) -> None:
    """Let it wait for its event no longer, and go on at once."""
    passage.listens = passage.listens_until = None
    passage.hears_from = uow.now
    _go_on(uow, passage)


def _go_on(uow: UnitOfWork, passage: Enrollment) -> None:
    passage.due_at = uow.now
    passage.lease_until = uow.reserved_until
    uow.ring("enrollments", [passage.id])


def _about(passage: Enrollment) -> dict[str, UUID | None]:
    return {
        "order_key": passage.subject_id,
        "contact_id": passage.contact_id,
        "lead_id": passage.lead_id,
    }
