"""Publishing sequences: an automation by its name, one immutable version a change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from automations.clocks.winding import wind_clock
from automations.definitions import SequenceDefinition, parse
from automations.models import PRIORITIES, Automation, SequenceVersion
from automations.references import with_ids
from automations.versions import forget_published
from crm.accounts.actions import lock_settings
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging.actions import release_held


def load_automation(uow: UnitOfWork, definition: Mapping[str, Any]) -> Automation:
    """Publish a definition as the newest version of the automation of its name, live when new.

    The same content makes no new version; who is in an older one stays in it. Raises
    InvalidDefinition, which names the step and the field.
    """
    # What it names is still there when this commits.
    lock_settings(uow)
    parsed = parse(with_ids(uow, definition) if isinstance(definition, Mapping) else definition)
    automation = _locked(uow, parsed)
    publish_version(uow, automation, parsed)
    return automation


def publish_version(
    uow: UnitOfWork, automation: Automation, parsed: SequenceDefinition
) -> SequenceVersion:
    """Make a definition the newest version of a locked automation; the same makes no new one."""
    content = parsed.model_dump(mode="json")
    latest = uow.session.scalar(
        select(SequenceVersion)
        .where(
            col(SequenceVersion.clinic_id) == uow.clinic_id,
            col(SequenceVersion.automation_id) == automation.id,
        )
        .order_by(col(SequenceVersion.number).desc())
        .limit(1)
    )
    before = None if latest is None else parse(latest.definition)
    if latest is not None and before is not None and before.model_dump(mode="json") == content:
        return latest
    version = SequenceVersion(
        automation_id=automation.id,
        number=latest.number + 1 if latest else 1,
        definition=content,
        principal_kind=uow.principal.kind,
        principal_id=uow.principal.id,
        published_at=uow.now,
    )
    uow.add(version)
    _go_live(automation, version, parsed)
    uow.session.flush()
    wind_clock(uow, automation.id, parsed, before)
    forget_published(uow)
    return version


def _go_live(automation: Automation, version: SequenceVersion, parsed: SequenceDefinition) -> None:
    """Let an automation be what its newest version says."""
    automation.version_id = version.id
    automation.name = parsed.name
    automation.trigger_kind = parsed.trigger.kind
    automation.priority = PRIORITIES[parsed.importance]
    automation.week = None if parsed.week is None else [list(hours) for hours in parsed.week]


def _locked(uow: UnitOfWork, parsed: SequenceDefinition) -> Automation:
    """Return the automation of this name, made if it is new, locked: two loads take turns."""
    table: Any = Automation.__table__  # type: ignore[attr-defined]
    row = {
        "clinic_id": uow.clinic_id,
        "id": new_id(),
        "name": parsed.name,
        "state": "live",
        "trigger_kind": parsed.trigger.kind,
        "created_at": uow.now,
    }
    uow.session.execute(
        insert(table).values(row).on_conflict_do_nothing(index_elements=["clinic_id", "name"])
    )
    return uow.session.scalars(
        select(Automation)
        .where(col(Automation.clinic_id) == uow.clinic_id, col(Automation.name) == parsed.name)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def pause(uow: UnitOfWork, automation_id: UUID) -> Automation:
    """Pause an automation: nobody enters, who is in it stays, and its queued texts are held.

    A text that is already being sent is not stopped by this. Raises NotFound.
    """
    return _set_state(uow, automation_id, "paused")


def resume(uow: UnitOfWork, automation_id: UUID) -> Automation:
    """Let a paused automation go on: its held texts at once, who is in it within minutes.

    Raises NotFound.
    """
    resumed = _set_state(uow, automation_id, "live")
    # Those of other paused ones are looked at, too, and held again.
    release_held(uow, "sequence_paused")
    return resumed


def _set_state(uow: UnitOfWork, automation_id: UUID, state: str) -> Automation:
    automation = uow.get(Automation, automation_id)
    automation.state = state
    uow.session.flush()
    forget_published(uow)
    return automation
