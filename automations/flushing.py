"""Writing what a chunk of passes decided: one statement for each kind of effect, leads last."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, String, Uuid, bindparam, case, column, func, update

from automations.effects import change_leads, start_others, stop_others
from automations.enrollments import ORIGIN
from automations.events import EnrollmentEnded, StepTaken
from automations.models import Enrollment, StepRun
from automations.outcomes import MoveLead, QueueText
from automations.walking import FINISHED, Pass, Taken, key_of
from crm.core.events import Event
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.actions import OutboundText, queue_texts
from pipelines.actions import Move, move_leads

NO_ADDRESS = {"sms": "no_phone", "email": "no_email"}
"""Why a step was skipped that had nowhere to send to, by its channel."""

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]


def flush(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
    """Write a chunk of passes: texts, positions, step runs, events, and the moves at last.

    The enrollments are locked; see `runner.hold`.
    """
    passes = stop_others(uow, passes)
    missing = _queue_texts(uow, passes)
    skipped = {**missing, **change_leads(uow, passes)}
    settled = [_without_text(uow, one) if one.awaits in missing else one for one in passes]
    _write_positions(uow, settled)
    _record(uow, settled, skipped)
    start_others(uow, settled)
    _move_leads(uow, settled)


def _queue_texts(uow: UnitOfWork, passes: Sequence[Pass]) -> Mapping[str, str]:
    """Queue every text and email; return why some could not be made, by their keys."""
    texts = [
        OutboundText(
            contact_id=effect.contact_id,
            message_class="care",
            origin_kind=ORIGIN,
            origin_id=one.standing.id,
            dedupe_key=effect.dedupe_key,
            template_id=effect.template_id,
            lead_id=effect.lead_id,
            useful_until=effect.useful_until,
            cause=one.standing.cause,
            channel=effect.channel,
            queue=one.standing.queue,
        )
        for one in passes
        for effect in one.effects
        if isinstance(effect, QueueText)
    ]
    if not texts:
        return {}
    queued = queue_texts(uow, texts)
    return {
        text.dedupe_key: NO_ADDRESS[text.channel] for text in texts if text.dedupe_key not in queued
    }


def _without_text(uow: UnitOfWork, one: Pass) -> Pass:
    """Return a pass that waits for no text, since there is none: it goes on at once."""
    return replace(one, awaits=None, due_at=uow.now)


def _move_leads(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
    moves = [
        Move(
            lead_id=effect.lead_id,
            to_stage_id=effect.to_stage_id,
            reason=one.standing.automation_name,
            cause=one.standing.cause,
        )
        for one in passes
        for effect in one.effects
        if isinstance(effect, MoveLead)
    ]
    if moves:
        move_leads(uow, moves)


_AT = _enrollments.c.due_at.type
_placed: Any = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("steps", type_=ARRAY(Integer)),
        bindparam("occurrences", type_=ARRAY(Integer)),
        bindparam("last", type_=ARRAY(Integer)),
        bindparam("awaited", type_=ARRAY(String)),
        bindparam("heard", type_=ARRAY(_AT)),
        bindparam("listening", type_=ARRAY(String)),
        bindparam("untils", type_=ARRAY(_AT)),
        bindparam("due", type_=ARRAY(_AT)),
        bindparam("exits", type_=ARRAY(String)),
    )
    .table_valued(
        column("id", Uuid),
        column("step", Integer),
        column("occurrence", Integer),
        column("last_step", Integer),
        column("awaits", String),
        column("hears_from", _AT),
        column("listens", String),
        column("listens_until", _AT),
        column("due_at", _AT),
        column("exit_reason", String),
        name="placed",
    )
    .render_derived()
)
# One array a column: the statement is the same for any number of enrollments.
_HAS_ENDED = _placed.c.due_at.is_(None)
_NOW = bindparam("now", type_=_AT)
_PLACE = (
    update(_enrollments)
    .where(
        _enrollments.c.clinic_id == bindparam("clinic"),
        _enrollments.c.id == _placed.c.id,
        _enrollments.c.state == "live",
    )
    .values(
        step=_placed.c.step,
        occurrence=_placed.c.occurrence,
        last_step=_placed.c.last_step,
        awaits=_placed.c.awaits,
        hears_from=_placed.c.hears_from,
        listens=_placed.c.listens,
        listens_until=_placed.c.listens_until,
        due_at=_placed.c.due_at,
        exit_reason=_placed.c.exit_reason,
        state=case((_HAS_ENDED, "ended"), else_="live"),
        ended_at=case((_HAS_ENDED, _NOW)),
        lease_until=case((_placed.c.due_at <= _NOW, bindparam("reserved", type_=_AT))),
        lease_token=None,
        attempts=0,
        last_error=None,
    )
)


def _write_positions(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
    """Write where the enrollments stand now, and give them back."""
    values = {
        "ids": [one.standing.id for one in passes],
        "steps": [one.step for one in passes],
        "occurrences": [one.occurrence for one in passes],
        "last": [one.last_step for one in passes],
        "awaited": [one.awaits for one in passes],
        "heard": [one.hears_from for one in passes],
        "listening": [one.listens for one in passes],
        "untils": [one.until for one in passes],
        "due": [one.due_at for one in passes],
        "exits": [one.exit_reason for one in passes],
        "clinic": uow.clinic_id,
        "now": uow.now,
        "reserved": uow.reserved_until,
    }
    uow.session.execute(_PLACE, values)
    for one in passes:
        if one.due_at is not None and one.due_at <= uow.now:
            uow.ring("enrollments", [one.standing.id], one.standing.queue)


def _record(uow: UnitOfWork, passes: Sequence[Pass], skipped: Mapping[str, str]) -> None:
    """Keep each step with the inputs of its decision, and tell of it and of what has ended."""
    rows: list[dict[str, Any]] = []
    events: list[Event] = []
    for one in passes:
        for taken in one.taken:
            key = key_of(one.standing.id, taken.step, taken.occurrence)
            row = _step_run(uow, one, taken, skipped.get(key))
            rows.append(row)
            # Waits and ends stand in the step runs alone: nobody reads a timeline for them.
            if taken.outcome.effects or row["outcome"].get("skipped"):
                events.append(_taken_event(one, taken, row["id"]))
        if one.due_at is None:
            events.append(_ended_event(one))
    uow.insert(StepRun, rows)
    uow.emit(events)


def _step_run(uow: UnitOfWork, one: Pass, taken: Taken, skipped: str | None) -> dict[str, Any]:
    at = one.standing
    return {
        "id": new_id(),
        "enrollment_id": at.id,
        "step": taken.step,
        "occurrence": taken.occurrence,
        "kind": taken.kind,
        "inputs": {**at.facts.inputs(), "zone": at.zone.key},
        "outcome": dict(taken.record(skipped)),
        "at": uow.now,
    }


def _taken_event(one: Pass, taken: Taken, step_run_id: UUID) -> StepTaken:
    return StepTaken(
        order_key=one.standing.subject.id,
        contact_id=one.standing.subject.contact_id,
        lead_id=one.standing.subject.lead_id,
        cause=one.standing.cause,
        enrollment_id=one.standing.id,
        step_run_id=step_run_id,
        kind=taken.kind,
    )


def _ended_event(one: Pass) -> EnrollmentEnded:
    return EnrollmentEnded(
        order_key=one.standing.subject.id,
        contact_id=one.standing.subject.contact_id,
        lead_id=one.standing.subject.lead_id,
        cause=one.standing.cause,
        enrollment_id=one.standing.id,
        automation_id=one.standing.automation_id,
        reason=one.exit_reason or FINISHED,
    )
