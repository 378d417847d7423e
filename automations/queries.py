"""Reads of automations for pages: the list of all sequences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select

from automations.building.parts import TRIGGER_KINDS, words_of
from automations.building.tree import STEP_LISTS, TRIGGER, find, places
from automations.models import Automation, Enrollment, SequenceDraft, SequenceVersion
from automations.names import Names, names_here
from automations.versions import definitions
from crm.core.uow import UnitOfWork

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_versions: Any = SequenceVersion.__table__  # type: ignore[attr-defined]
_drafts: Any = SequenceDraft.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class SequenceShown:
    """An automation in the list of sequences; `version` 0 where none is published yet."""

    id: UUID
    name: str
    trigger: str
    is_paused: bool
    has_draft: bool
    version: int
    steps: int
    live: int


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
    draft = and_(_drafts.c.clinic_id == c.clinic_id, _drafts.c.automation_id == c.id)
    rows = uow.session.execute(
        select(
            *(c.id, c.name, c.state, c.version_id, _versions.c.number),
            *(_drafts.c.document, live.c.live),
        )
        .outerjoin(_versions, published)
        .outerjoin(_drafts, draft)
        .outerjoin(live, live.c.automation_id == c.id)
        .where(c.clinic_id == uow.clinic_id)
        .order_by(c.name)
    ).all()
    parsed = definitions(uow, {row.version_id for row in rows if row.version_id})
    names = names_here(uow)
    return [_shown(row, parsed.get(row.version_id), names) for row in rows]


def _shown(row: Any, definition: Any, names: Names) -> SequenceShown:
    """Return a sequence as its live version is, or as its draft where there is none."""
    if definition is not None:
        trigger, steps = definition.trigger.words(names), len(definition.program)
    else:
        trigger, steps = _of_draft(row.document or {}, names)
    return SequenceShown(
        id=row.id,
        name=row.name,
        trigger=trigger,
        is_paused=row.state == "paused",
        has_draft=row.document is not None,
        version=row.number or 0,
        steps=steps,
        live=row.live or 0,
    )


def _of_draft(document: Mapping[str, Any], names: Names) -> tuple[str, int]:
    trigger = find(document, TRIGGER) if document else {}
    is_known = str(trigger.get("kind", "")) in TRIGGER_KINDS
    steps = sum(1 for place in places(document) if place.list in STEP_LISTS)
    return words_of(trigger, "", names) if is_known else "", steps
