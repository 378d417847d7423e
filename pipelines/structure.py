"""Verbs of what leads move through: pipelines, their stages, and the reasons for a loss.

Edits take turns. What is removed stays as a row: moves and lost leads keep its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col, select

from crm.accounts.actions import lock_settings
from crm.core.errors import N_, Conflict, Invalid, NotFound, StaleVersion
from crm.core.runtime import StageUse
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _, ngettext
from pipelines.actions import add_pipeline
from pipelines.models import STAGE_KINDS, LostReason, Pipeline, Stage
from pipelines.queries import has_leads, lost_reasons, pipelines, stages
from pipelines.replies import stop_clocks

FIRST_STAGES = (
    (N_("New"), "open"),
    (N_("Contacted"), "open"),
    (N_("Booked"), "booked"),
    (N_("Became a patient"), "won"),
    (N_("Lost"), "lost"),
)
"""What a new pipeline starts with; the clinic changes it as it likes."""

MOST_STAGES = 20
NAME_NEEDED = N_("Give it a name.")
NAME_TAKEN = N_("There is one of this name already.")
ADD_AGAIN = N_("A removed one has this name; add it again instead.")
CHANGED = N_("What you typed is still here. Save again, and it replaces theirs.")

Named = TypeVar("Named", Pipeline, Stage, LostReason)
Removable = TypeVar("Removable", Stage, LostReason)


@dataclass(frozen=True)
class StageWords:
    """A stage as it is edited: its name, what standing in it means, and for how long is too long.

    Without `stale_after_days` nobody waits too long in it.
    """

    name: str
    kind: str = "open"
    stale_after_days: int | None = None


def start_pipeline(uow: UnitOfWork, name: str) -> Pipeline:
    """Add a pipeline with the usual stages, after the others. Raises Invalid."""
    lock_settings(uow)
    every = pipelines(uow)
    free = _free_name(name, every)
    pipeline = add_pipeline(uow, free, [(_(stage), kind) for stage, kind in FIRST_STAGES])
    pipeline.position = max((one.position for one in every), default=-1) + 1
    pipeline.is_default = not every
    _noted(uow, "pipeline.added", pipeline)
    return pipeline


def edit_pipeline(
    uow: UnitOfWork,
    pipeline_id: UUID,
    version: int,
    name: str,
    *,
    is_default: bool,
    reply_within_minutes: int | None,
) -> Pipeline:
    """Rename a pipeline, set what it promises, and let requests that name no other come into it.

    The default one stops being it when another one becomes it. Other minutes hold for a lead from
    the next thing on that happens to it, none at once. Raises NotFound, StaleVersion, Invalid.
    """
    lock_settings(uow)
    every = pipelines(uow)
    pipeline = _one(every, pipeline_id)
    _assert_fresh(pipeline, version)
    pipeline.name = _free_name(name, every, pipeline)
    pipeline.reply_within_minutes = reply_within_minutes
    if is_default:
        for one in every:
            one.is_default = one is pipeline
    _noted(uow, "pipeline.changed", pipeline)
    if reply_within_minutes is None:
        stop_clocks(uow, pipeline.id)
    return pipeline


def add_stage(uow: UnitOfWork, pipeline_id: UUID, words: StageWords) -> Stage:
    """Add a stage at the end; a removed one of the same name comes back.

    Raises NotFound, Invalid.
    """
    lock_settings(uow)
    pipeline = uow.get(Pipeline, pipeline_id)
    here = stages(uow, pipeline.id)
    if len(here) >= MOST_STAGES:
        raise Invalid(_("A pipeline has at most %(most)s stages.", most=MOST_STAGES), field="name")
    name = _free_name(words.name, here)
    removed = _removed(uow, Stage, name, col(Stage.pipeline_id) == pipeline.id)
    stage = removed or Stage(pipeline_id=pipeline.id, name=name, position=0)
    stage.kind, stage.removed_at = _kind(words.kind), None
    stage.stale_after_days = words.stale_after_days
    stage.position = max((one.position for one in here), default=-1) + 1
    uow.add(stage)
    _noted(uow, "stage.added", stage)
    return stage


def edit_stage(uow: UnitOfWork, stage_id: UUID, version: int, words: StageWords) -> Stage:
    """Rename a stage, or change its kind while no lead stands in it.

    Raises NotFound, StaleVersion, Invalid.
    """
    lock_settings(uow)
    stage = stage_here(uow, stage_id)
    _assert_fresh(stage, version)
    here = stages(uow, stage.pipeline_id)
    stage.name = _free_name(words.name, here, stage)
    if _removed(uow, Stage, stage.name, col(Stage.pipeline_id) == stage.pipeline_id):
        raise Invalid(_(ADD_AGAIN), field="name")
    if stage.kind != _kind(words.kind):
        _hold(uow, stage)
        if has_leads(uow, stage.id):
            raise Invalid(_("Leads stand in it: its kind stays. Move them first."), field="kind")
        _assert_entry_is_left(stage, here)
        stage.kind = words.kind
    stage.stale_after_days = words.stale_after_days
    _noted(uow, "stage.changed", stage)
    return stage


def place_stage(uow: UnitOfWork, stage_id: UUID, place: int) -> Stage:
    """Put a stage at a place of its pipeline, counted from 0; again is a no-op. Raises NotFound."""
    lock_settings(uow)
    stage = stage_here(uow, stage_id)
    _place(stages(uow, stage.pipeline_id), stage, place)
    _noted(uow, "stage.placed", stage)
    return stage


def remove_stage(uow: UnitOfWork, stage_id: UUID, uses: Sequence[StageUse]) -> Stage:
    """Remove a stage that no lead stands in and no sequence names; again is a no-op.

    `uses` say who names it. Raises NotFound, Conflict.
    """
    lock_settings(uow)
    stage = uow.get(Stage, stage_id)
    if stage.removed_at is not None:
        return stage
    _hold(uow, stage)
    if has_leads(uow, stage.id):
        raise Conflict(_("Leads stand in this stage. Move them to another one first."))
    users = [name for use in uses for name in use(uow, stage.id)]
    if users:
        raise Conflict(
            ngettext(
                "The sequence %(names)s names this stage. Change it first.",
                "The sequences %(names)s name this stage. Change them first.",
                len(users),
                names=", ".join(f"“{name}”" for name in users),
            )
        )
    _assert_entry_is_left(stage, stages(uow, stage.pipeline_id))
    stage.removed_at = uow.now
    _noted(uow, "stage.removed", stage)
    return stage


def add_lost_reason(uow: UnitOfWork, name: str) -> LostReason:
    """Add a reason at the end; a removed one of the same name comes back. Raises Invalid."""
    lock_settings(uow)
    here = lost_reasons(uow)
    free = _free_name(name, here)
    reason = _removed(uow, LostReason, free) or LostReason(name=free)
    reason.position, reason.removed_at = max((one.position for one in here), default=-1) + 1, None
    uow.add(reason)
    _noted(uow, "lost_reason.added", reason)
    return reason


def rename_lost_reason(uow: UnitOfWork, reason_id: UUID, version: int, name: str) -> LostReason:
    """Rename a reason; leads lost for it say so, too. Raises NotFound, StaleVersion, Invalid."""
    lock_settings(uow)
    here = lost_reasons(uow)
    reason = _one(here, reason_id)
    _assert_fresh(reason, version)
    reason.name = _free_name(name, here, reason)
    if _removed(uow, LostReason, reason.name):
        raise Invalid(_(ADD_AGAIN), field="name")
    _noted(uow, "lost_reason.changed", reason)
    return reason


def place_lost_reason(uow: UnitOfWork, reason_id: UUID, place: int) -> LostReason:
    """Put a reason at a place of the list, counted from 0; again is a no-op. Raises NotFound."""
    lock_settings(uow)
    here = lost_reasons(uow)
    reason = _one(here, reason_id)
    _place(here, reason, place)
    _noted(uow, "lost_reason.placed", reason)
    return reason


def remove_lost_reason(uow: UnitOfWork, reason_id: UUID) -> None:
    """Offer a reason no more; again is a no-op. Raises NotFound, Conflict for the last one."""
    lock_settings(uow)
    reason = uow.get(LostReason, reason_id)
    if reason.removed_at is not None:
        return
    if len(lost_reasons(uow)) == 1:
        raise Conflict(_("A lead is lost for a reason: keep at least one."))
    reason.removed_at = uow.now
    _noted(uow, "lost_reason.removed", reason)


def _free_name(name: str, here: Sequence[Named], own: Named | None = None) -> str:
    """Return a name without blanks around it that none of the others has, in whatever case."""
    wanted = " ".join(name.split())
    if not wanted:
        raise Invalid(_(NAME_NEEDED), field="name")
    if any(one.name.casefold() == wanted.casefold() for one in here if one is not own):
        raise Invalid(_(NAME_TAKEN), field="name")
    return wanted


def _removed(uow: UnitOfWork, model: type[Removable], name: str, *where: Any) -> Removable | None:
    return uow.session.scalar(
        select(model).where(
            col(model.clinic_id) == uow.clinic_id,
            col(model.name) == name,
            col(model.removed_at).is_not(None),
            *where,
        )
    )


def _kind(kind: str) -> str:
    if kind not in STAGE_KINDS:
        expected = ", ".join(STAGE_KINDS)
        raise Invalid(_("Choose one of: %(expected)s.", expected=expected), field="kind")
    return kind


def _one(here: Sequence[Named], row_id: UUID) -> Named:
    found = {one.id: one for one in here}
    if row_id not in found:
        raise NotFound
    return found[row_id]


def stage_here(uow: UnitOfWork, stage_id: UUID) -> Stage:
    """Return a stage that is not removed. Raises NotFound."""
    stage = uow.get(Stage, stage_id)
    if stage.removed_at is not None:
        raise NotFound
    return stage


def _assert_fresh(row: Pipeline | Stage | LostReason, version: int) -> None:
    if row.version != version:
        raise StaleVersion(_(CHANGED))


def _assert_entry_is_left(stage: Stage, here: Sequence[Stage]) -> None:
    """Refuse that a pipeline loses the last stage that new leads can come into. Raises Conflict."""
    if stage.kind == "open" and [one for one in here if one.kind == "open"] == [stage]:
        raise Conflict(_("New leads come into the first open stage: keep at least one."))


def _hold(uow: UnitOfWork, stage: Stage) -> None:
    """Wait for the moves into a stage that are under way, and let those to come wait."""
    uow.session.execute(
        select(col(Stage.id))
        .where(col(Stage.clinic_id) == uow.clinic_id, col(Stage.id) == stage.id)
        .with_for_update()
    )


def _place(here: Sequence[Named], row: Named, place: int) -> None:
    others = [one for one in here if one is not row]
    others.insert(max(0, min(place, len(others))), row)
    for position, one in enumerate(others):
        if one.position != position:
            one.position = position


def _noted(uow: UnitOfWork, act: str, row: Pipeline | Stage | LostReason) -> None:
    """Write a change down; an open form of it is told that it is no longer the newest."""
    if act.endswith(".changed"):
        row.version += 1
    uow.session.flush()
    audit(uow, act, act.partition(".")[0], row.id)
