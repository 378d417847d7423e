"""Why not: what each sequence of the clinic did for a lead, or why it did nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Select, and_, select

from automations.enrollments import ORIGIN
from automations.events import EnrollmentRefused
from automations.models import Automation, Enrollment, StepRun
from automations.names import names_asked, names_found
from automations.versions import definitions
from automations.wording import exit_words, refusal_words, skip_words
from crm.core.errors import N_
from crm.core.events import EventRow
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.models import Communication
from crm.web.language import _
from pipelines.models import Lead

Answer = Literal["in_it", "left", "refused", "published_later", "not_started"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)

WORDS: Mapping[Answer, str] = {
    "in_it": N_("It is under way."),
    "left": N_("It has ended"),
    "refused": N_("It did not start"),
    "published_later": N_("It was made after this lead came."),
    "not_started": N_("What starts it has not happened to this lead."),
}

_passages: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]
_runs: Any = StepRun.__table__  # type: ignore[attr-defined]
_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Message:
    """A text or email of a sequence: what became of it, why if it was not sent, and when."""

    id: UUID
    channel: str
    state: states.State
    reason: str
    at: datetime


@dataclass(frozen=True)
class Skipped:
    """A step that did nothing."""

    words: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class WhyNot:
    """What one sequence did for a lead: a code, its words, when, and its texts and emails.

    `skipped` are the steps that did nothing, each with what it would have done, why, and when.
    """

    automation_id: UUID
    name: str
    trigger: str
    answer: Answer
    words: str
    detail: str
    at: datetime | None
    messages: Sequence[Message]
    skipped: Sequence[Skipped] = ()


def why_not(uow: UnitOfWork, lead_id: UUID) -> list[WhyNot]:
    """Return what each published sequence did for a lead, by name. Raises NotFound."""
    lead = uow.get(Lead, lead_id)
    found = together(uow, **_asked(uow, lead), **names_asked(uow))
    versions = {row.version_id for row in [*found["automations"], *found["skipped"]]}
    parsed = definitions(uow, versions)
    names = names_found(found)
    written: dict[UUID, list[Message]] = {}
    for row in found["texts"]:
        state = states.state(row.status, row.held_reason)
        reason = states.reason(row.reason or row.held_reason, row.channel)
        message = Message(row.id, row.channel, state, reason, row.taken_at or row.created_at)
        written.setdefault(row.automation_id, []).append(message)
    skipped: dict[UUID, list[Skipped]] = {}
    for row in found["skipped"]:
        step = parsed[row.version_id].program[row.step].step
        one = Skipped(step.words(names), skip_words(row.reason), row.at)
        skipped.setdefault(row.automation_id, []).append(one)
    latest = {row.automation_id: row for row in found["passages"]}
    refused = {UUID(row.automation_id): row for row in found["refused"]}
    return [
        _answered(
            row,
            parsed[row.version_id].trigger.words(names),
            _answer(row, lead, latest.get(row.id), refused.get(row.id)),
            written.get(row.id, ()),
            skipped.get(row.id, ()),
        )
        for row in found["automations"]
    ]


def _answer(
    automation: Any, lead: Lead, passage: Any, refusal: Any
) -> tuple[Answer, str, datetime | None]:
    """Return the code of what a sequence did, its detail and when: the last thing that it did."""
    if passage is not None and (refusal is None or refusal.at <= passage.entered_at):
        if passage.state == "live":
            return "in_it", "", passage.entered_at
        return "left", exit_words(passage.exit_reason), passage.ended_at
    if refusal is not None:
        return "refused", refusal_words(refusal.reason), refusal.at
    is_younger = automation.created_at > lead.created_at
    return ("published_later" if is_younger else "not_started"), "", None


def _answered(
    row: Any,
    trigger: str,
    answer: tuple[Answer, str, datetime | None],
    messages: Sequence[Message],
    skipped: Sequence[Skipped],
) -> WhyNot:
    code, detail, at = answer
    return WhyNot(row.id, row.name, trigger, code, _(WORDS[code]), detail, at, messages, skipped)


def _asked(uow: UnitOfWork, lead: Lead) -> Mapping[str, Select[Any]]:
    whole, passage, event = _automations.c, _passages.c, _events.c
    return {
        "automations": select(whole.id, whole.name, whole.version_id, whole.created_at)
        .where(whole.clinic_id == uow.clinic_id, whole.version_id.is_not(None))
        .order_by(whole.name),
        "passages": select(
            *(passage.automation_id, passage.state, passage.exit_reason),
            *(passage.entered_at, passage.ended_at),
        )
        .where(passage.clinic_id == uow.clinic_id, passage.lead_id == lead.id)
        .order_by(passage.entered_at, passage.id),
        "refused": select(
            event.payload["automation_id"].astext.label("automation_id"),
            event.payload["reason"].astext.label("reason"),
            event.at,
        )
        .where(
            event.clinic_id == uow.clinic_id,
            event.lead_id == lead.id,
            event.name == EnrollmentRefused.name,
        )
        .order_by(event.seq),
        "texts": _written(uow, lead),
        "skipped": _skipped(uow, lead),
    }


def _skipped(uow: UnitOfWork, lead: Lead) -> Select[Any]:
    passage, run = _passages.c, _runs.c
    its = and_(passage.clinic_id == run.clinic_id, passage.id == run.enrollment_id)
    reason = run.outcome["skipped"].astext
    return (
        select(
            *(passage.automation_id, passage.version_id),
            *(run.step, reason.label("reason"), run.at),
        )
        .join(_passages, its)
        .where(run.clinic_id == uow.clinic_id, passage.lead_id == lead.id, reason.is_not(None))
        .order_by(run.id)
    )


def _written(uow: UnitOfWork, lead: Lead) -> Select[Any]:
    passage, text = _passages.c, _texts.c
    theirs = and_(passage.clinic_id == text.clinic_id, passage.id == text.origin_id)
    return (
        select(
            *(text.id, text.channel, text.status, text.reason, text.held_reason),
            *(text.created_at, text.taken_at, passage.automation_id),
        )
        .join(_passages, theirs)
        .where(
            text.clinic_id == uow.clinic_id,
            text.lead_id == lead.id,
            text.origin_kind == ORIGIN,
        )
        .order_by(text.id)
    )
