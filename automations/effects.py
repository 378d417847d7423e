"""Writing what steps do to leads beside texts and moves: one action a kind, for a whole chunk."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from automations.enrollments import end_enrollments
from automations.events import StartRequested
from automations.models import AssignmentTurns, Enrollment
from automations.outcomes import (
    AddTask,
    AssignLead,
    Effect,
    NotifyStaff,
    SetDetail,
    StartOther,
    StopOther,
    TagLead,
)
from automations.walking import Pass
from crm.accounts.queries import colleagues
from crm.core.bulk import among, as_rows, insert_given
from crm.core.uow import UnitOfWork
from pipelines.lead.actions import Mark, mark_leads, unmark_leads
from pipelines.lead.details import Written, write_details
from pipelines.notices.actions import NewNotice, tell_staff
from pipelines.tasks.actions import Due, NewTask, add_tasks

NOBODY = "nobody_here"
"""Why a task was not set, a lead not given away, nobody told: who was named works here no more."""

Kind = TypeVar("Kind", bound=Effect)

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_turns: Any = AssignmentTurns.__table__  # type: ignore[attr-defined]
_given = insert_given(_turns, ("clinic_id", "id", "taken"))
_TAKE_TURNS = _given.on_conflict_do_update(
    index_elements=["clinic_id", "id"], set_={"taken": _turns.c.taken + _given.excluded.taken}
).returning(_turns.c.id, _turns.c.taken)


def stop_others(uow: UnitOfWork, passes: Sequence[Pass]) -> Sequence[Pass]:
    """End what these passes stop, and return those that are not stopped by another."""
    if not any(True for _ in _of(passes, StopOther)):
        return passes
    stopped: set[tuple[UUID, UUID]] = set()
    kept: list[Pass] = []
    for one in passes:
        at = one.standing
        if (at.automation_id, at.subject.id) not in stopped:
            kept.append(one)
            stops = (effect for effect in one.effects if isinstance(effect, StopOther))
            stopped |= {(effect.automation_id, at.subject.id) for effect in stops}
    c = _enrollments.c
    live = uow.session.execute(
        select(c.id, c.automation_id, c.subject_id).where(
            c.clinic_id == uow.clinic_id,
            among(c.automation_id, sorted({automation for automation, _ in stopped})),
            among(c.subject_id, sorted({subject for _, subject in stopped})),
            c.state == "live",
        )
    )
    ids = {row.id for row in live if (row.automation_id, row.subject_id) in stopped}
    end_enrollments(uow, ids, "stopped_by_other")
    # Also one whose pass came before: it has ended, and nothing of it is written or sent.
    return [one for one in kept if one.standing.id not in ids]


def change_leads(uow: UnitOfWork, passes: Sequence[Pass]) -> dict[str, str]:
    """Set tasks, tell staff, change tags and write details.

    Returns by its run's key why one was not done.
    """
    named = {effect.assignee_id for _, effect in _of(passes, AddTask)}
    named |= {one for _, effect in _of(passes, AssignLead) for one in effect.user_ids}
    named |= {effect.user_id for _, effect in _of(passes, NotifyStaff) if effect.user_id}
    here = {one.id for one in colleagues(uow)} & named if named else set()
    skipped = _add_tasks(uow, passes, here) | _tell_staff(uow, passes, here)
    _change_tags(uow, passes)
    return skipped | _write_details(uow, passes, here)


def start_others(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
    """Ask for the sequences that these passes start: each by its own rules, in its own turn."""
    uow.emit(
        StartRequested(
            order_key=one.standing.subject.id,
            contact_id=one.standing.subject.contact_id,
            lead_id=one.standing.subject.lead_id,
            cause=one.standing.cause,
            automation_id=effect.automation_id,
        )
        for one, effect in _of(passes, StartOther)
    )


def _of(passes: Sequence[Pass], kind: type[Kind]) -> Iterator[tuple[Pass, Kind]]:
    for one in passes:
        yield from ((one, effect) for effect in one.effects if isinstance(effect, kind))


def _add_tasks(uow: UnitOfWork, passes: Sequence[Pass], here: set[UUID]) -> dict[str, str]:
    wanted = list(_of(passes, AddTask))
    tasks = [
        NewTask(effect.title, Due(effect.due_at, True), effect.assignee_id, effect.lead_id)
        for _, effect in wanted
        if effect.assignee_id in here
    ]
    if tasks:
        add_tasks(uow, tasks)
    return {effect.key: NOBODY for _, effect in wanted if effect.assignee_id not in here}


def _tell_staff(uow: UnitOfWork, passes: Sequence[Pass], here: set[UUID]) -> dict[str, str]:
    wanted = [effect for _, effect in _of(passes, NotifyStaff)]
    gone = {one.key for one in wanted if one.user_id is not None and one.user_id not in here}
    notices = [
        NewNotice(one.id, one.lead_id, one.user_id, one.message)
        for one in wanted
        if one.key not in gone
    ]
    if notices:
        tell_staff(uow, notices)
    return dict.fromkeys(gone, NOBODY)


def _write_details(uow: UnitOfWork, passes: Sequence[Pass], here: set[UUID]) -> dict[str, str]:
    written = [
        Written(effect.lead_id, effect.field, effect.value, one.standing.cause)
        for one, effect in _of(passes, SetDetail)
    ]
    wanted = list(_of(passes, AssignLead))
    able = [(one, effect) for one, effect in wanted if here.intersection(effect.user_ids)]
    for (one, effect), turn in zip(able, _take_turns(uow, able), strict=True):
        people = [user_id for user_id in effect.user_ids if user_id in here]
        chosen = people[turn % len(people)]
        written.append(Written(effect.lead_id, "owner", chosen, one.standing.cause))
    if written:
        write_details(uow, written)
    return {effect.key: NOBODY for one, effect in wanted if (one, effect) not in able}


def _take_turns(uow: UnitOfWork, wanted: Sequence[tuple[Pass, AssignLead]]) -> Iterator[int]:
    """Yield the turn of each: counted under a lock, so that two at once take different ones."""
    counts: dict[UUID, int] = {}
    for _, effect in wanted:
        counts[effect.turns_id] = counts.get(effect.turns_id, 0) + 1
    if not counts:
        return
    rows = [
        {"clinic_id": uow.clinic_id, "id": turns_id, "taken": counts[turns_id]}
        for turns_id in sorted(counts)
    ]
    taken = {row.id: row.taken for row in uow.session.execute(_TAKE_TURNS, as_rows(rows))}
    for _, effect in wanted:
        yield taken[effect.turns_id] - counts[effect.turns_id]
        counts[effect.turns_id] -= 1


def _change_tags(uow: UnitOfWork, passes: Sequence[Pass]) -> None:
    tags = list(_of(passes, TagLead))
    put_on = [
        Mark(effect.lead_id, name, one.standing.cause)
        for one, effect in tags
        for name in effect.add
    ]
    take_off = [
        Mark(effect.lead_id, name, one.standing.cause)
        for one, effect in tags
        for name in effect.remove
    ]
    if put_on:
        mark_leads(uow, put_on)
    if take_off:
        unmark_leads(uow, take_off)
