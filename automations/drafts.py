"""Drafts: what a sequence will be, changed part by part beside the live version, then published.

Whoever is in a sequence stays in the version they entered; a draft touches nobody.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from automations.building.tree import Node, definition_of, draft_of
from automations.definitions import parse
from automations.models import Automation, SequenceDraft, SequenceVersion
from automations.references import with_ids
from automations.sequences import publish_version
from crm.accounts.actions import lock_settings
from crm.core.errors import N_, Conflict, Invalid, StaleVersion
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _

MOST_UNDONE = 20
"""How many of a draft's last edits can be taken back."""

LONGEST_NAME = 120
CHANGED = N_("Look at what is there now, and do it again.")

Edit = Callable[[Node], Node]


class NothingToUndo(Conflict):
    """No edit of the draft is left to be taken back."""

    code = "nothing_to_undo"
    title = N_("There is nothing to undo")


class NothingToPublish(Conflict):
    """The automation has no draft."""

    code = "nothing_to_publish"
    title = N_("There is no draft to publish")


def new_automation(uow: UnitOfWork, name: str, document: Mapping[str, Any]) -> Automation:
    """Begin a sequence as a draft; nothing starts before it is published. Raises Invalid."""
    lock_settings(uow)
    free = _free_name(uow, name)
    automation = Automation(name=free, trigger_kind="", created_at=uow.now)
    uow.add(automation)
    draft = SequenceDraft(automation_id=automation.id, changed_at=uow.now)
    _write(uow, draft, {**document, "name": free})
    return automation


def duplicate_automation(uow: UnitOfWork, automation_id: UUID) -> Automation:
    """Begin another sequence as what one is now, its draft where it has one. Raises NotFound."""
    automation = uow.get(Automation, automation_id)
    draft = _draft(uow, automation)
    name = name_beside(uow, automation.name)
    return new_automation(uow, name, draft.document or _published(uow, automation))


def edit_draft(uow: UnitOfWork, automation_id: UUID, version: int, edit: Edit) -> SequenceDraft:
    """Change the draft, begun as the live version where there is none; the same is no change.

    `version` is the draft's as it was seen. Raises NotFound, StaleVersion, and what `edit` raises.
    """
    automation = _locked(uow, automation_id)
    draft = _draft(uow, automation)
    before = draft.document
    if before is None:
        before = _published(uow, automation)
    if draft.version != version:
        raise StaleVersion(CHANGED)
    after = edit(before)
    if after != before:
        draft.past = [*draft.past, before][-MOST_UNDONE:]
        _write(uow, draft, after)
    return draft


def undo_edit(uow: UnitOfWork, automation_id: UUID, version: int) -> SequenceDraft:
    """Take the draft's last edit back. Raises NotFound, StaleVersion, NothingToUndo."""
    draft = _seen(uow, _locked(uow, automation_id), version)
    if draft.document is None or not draft.past:
        raise NothingToUndo
    *past, document = draft.past
    draft.past = past
    _write(uow, draft, document)
    return draft


def discard_draft(uow: UnitOfWork, automation_id: UUID, version: int) -> Automation | None:
    """Drop the draft; with it a sequence that never was published, then return None.

    Raises NotFound, StaleVersion.
    """
    automation = _locked(uow, automation_id)
    draft = _seen(uow, automation, version)
    if automation.version_id is None:
        uow.session.delete(draft)
        uow.session.flush()
        uow.session.delete(automation)
        uow.session.flush()
        audit(uow, "sequence.discarded", "automation", automation_id)
        return None
    _end(uow, draft)
    return automation


def publish_draft(uow: UnitOfWork, automation_id: UUID, version: int) -> SequenceVersion:
    """Publish the draft as the next version, live for who enters from now on.

    Raises NotFound, StaleVersion, NothingToPublish, InvalidDefinition, Invalid.
    """
    # What it names is still there when this commits.
    lock_settings(uow)
    automation = _locked(uow, automation_id)
    draft = _seen(uow, automation, version)
    if draft.document is None:
        raise NothingToPublish
    document, _keys = definition_of(draft.document)
    parsed = parse(with_ids(uow, document))
    _free_name(uow, parsed.name, automation)
    published = publish_version(uow, automation, parsed)
    _end(uow, draft)
    audit(uow, "sequence.published", "automation", automation_id)
    return published


def restore_version(uow: UnitOfWork, version_id: UUID, version: int) -> SequenceDraft:
    """Make the draft what an earlier version was, in place of what it is.

    Raises NotFound, StaleVersion.
    """
    earlier = uow.get(SequenceVersion, version_id)
    definition = draft_of(earlier.definition)
    return edit_draft(uow, earlier.automation_id, version, lambda _document: definition)


def name_beside(uow: UnitOfWork, name: str) -> str:
    """Return a name that no sequence has yet: the given one, or with a number behind it."""
    taken = {known.casefold() for known in uow.session.scalars(_names(uow))}
    short = name.strip()[: LONGEST_NAME - 5].strip()
    number, free = 1, short
    while free.casefold() in taken:
        number += 1
        free = f"{short} {number}"
    return free


def _free_name(uow: UnitOfWork, name: str, own: Automation | None = None) -> str:
    wanted = " ".join(name.split())[:LONGEST_NAME]
    if not wanted:
        raise Invalid(_("Give it a name."), field="name")
    others = _names(uow)
    if own is not None:
        others = others.where(col(Automation.id) != own.id)
    if any(known.casefold() == wanted.casefold() for known in uow.session.scalars(others)):
        raise Invalid(_("There is one of this name already."), field="name")
    return wanted


def _names(uow: UnitOfWork) -> Any:
    return select(col(Automation.name)).where(col(Automation.clinic_id) == uow.clinic_id)


def _locked(uow: UnitOfWork, automation_id: UUID) -> Automation:
    """Return an automation, locked: two who edit it take turns. Raises NotFound."""
    automation = uow.get(Automation, automation_id)
    statement = (
        select(Automation)
        .where(col(Automation.clinic_id) == uow.clinic_id, col(Automation.id) == automation.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return uow.session.scalars(statement).one()


def _draft(uow: UnitOfWork, automation: Automation) -> SequenceDraft:
    """Return an automation's draft as it is now; one without a document where there is none."""
    statement = select(SequenceDraft).where(
        col(SequenceDraft.clinic_id) == uow.clinic_id,
        col(SequenceDraft.automation_id) == automation.id,
    )
    fresh = statement.execution_options(populate_existing=True)
    known = uow.session.scalars(fresh).one_or_none()
    return known or SequenceDraft(automation_id=automation.id, changed_at=uow.now)


def _seen(uow: UnitOfWork, automation: Automation, version: int) -> SequenceDraft:
    draft = _draft(uow, automation)
    if draft.version != version:
        raise StaleVersion(CHANGED)
    return draft


def _published(uow: UnitOfWork, automation: Automation) -> Node:
    if automation.version_id is None:
        return {}
    return draft_of(uow.get(SequenceVersion, automation.version_id).definition)


def _write(uow: UnitOfWork, draft: SequenceDraft, document: Node) -> None:
    if draft.document is None:
        draft.based_on = _live_number(uow, draft.automation_id)
    draft.document = document
    draft.version += 1
    draft.editor_id, draft.changed_at = uow.principal.id, uow.now
    uow.add(draft)


def _end(uow: UnitOfWork, draft: SequenceDraft) -> None:
    """Leave no draft; its number goes on, so that what was seen of it is known to be over."""
    if draft.document is not None:
        draft.document, draft.past = None, []
        draft.version += 1
        uow.add(draft)


def _live_number(uow: UnitOfWork, automation_id: UUID) -> int:
    found = uow.session.scalar(
        select(col(SequenceVersion.number))
        .join(
            Automation,
            (col(Automation.clinic_id) == col(SequenceVersion.clinic_id))
            & (col(Automation.version_id) == col(SequenceVersion.id)),
        )
        .where(col(Automation.clinic_id) == uow.clinic_id, col(Automation.id) == automation_id)
    )
    return found or 0
