"""A draft, or the live version where there is none, as the builder's pages show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from automations.building.choices import Choices, choices_asked, choices_found
from automations.building.parts import class_of, lists_of, words_of
from automations.building.tree import (
    CONDITION_LISTS,
    Node,
    blamed,
    definition_of,
    draft_of,
    find,
    list_of,
)
from automations.definitions import InvalidDefinition, parse
from automations.models import Automation, Enrollment, SequenceDraft, SequenceVersion
from automations.references import with_ids
from crm.core.errors import NotFound
from crm.core.together import together
from crm.core.uow import UnitOfWork

_NAMED = ("template", "pipeline", "stage", "automation")
"""Parts of paths that name what a form asks for by its id."""
Wrong = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Opened:
    """An automation as it is being built: its draft, or the live version where there is none.

    `version` is the draft's, `number` the live version's (0: none), `based_on` that of the one
    which the draft began as. `people` counts who is in each version at which place.
    """

    id: UUID
    name: str
    is_paused: bool
    has_draft: bool
    document: Node
    version: int
    undoable: int
    number: int
    live: Mapping[str, Any] | None
    live_id: UUID | None
    based_on: int
    published_at: datetime | None
    changed_at: datetime | None
    editor_id: UUID | None
    people: Mapping[UUID, Mapping[int, int]]
    choices: Choices

    @property
    def title(self) -> str:
        """The name that the draft has."""
        return str(self.document.get("name") or self.name)

    @property
    def in_it(self) -> int:
        """How many people are in it, in whatever version."""
        return sum(sum(places.values()) for places in self.people.values())

    @property
    def in_older(self) -> int:
        """How many people are still in a version before the live one."""
        here = self.people.get(self.live_id, {}) if self.live_id else {}
        return self.in_it - sum(here.values())

    def showing(self, document: Node) -> "Opened":
        """Return it with another document, such as that of an earlier version."""
        return replace(self, document=document, based_on=-1)

    @property
    def next_number(self) -> int:
        """The number that the draft gets when it is published."""
        return self.number + 1


def open_automation(uow: UnitOfWork, automation_id: UUID) -> Opened:
    """Return an automation as it is being built, read with one statement. Raises NotFound."""
    found = together(
        uow,
        automations=_automation(uow, automation_id),
        drafts=_draft(uow, automation_id),
        people=_people(uow, automation_id),
        **choices_asked(uow),
    )
    if not found["automations"]:
        raise NotFound
    [row] = found["automations"]
    draft: Any = next(iter(found["drafts"]), None)
    has_draft = draft is not None and draft.document is not None
    return Opened(
        id=row.id,
        name=row.name,
        is_paused=row.state == "paused",
        has_draft=has_draft,
        document=draft.document if has_draft else draft_of(row.definition or {}),
        version=draft.version if draft else 0,
        undoable=draft.undoable if has_draft else 0,
        number=row.number or 0,
        live=row.definition,
        live_id=row.version_id,
        based_on=draft.based_on if has_draft else row.number or 0,
        published_at=row.published_at,
        changed_at=draft.changed_at if has_draft else None,
        editor_id=draft.editor_id if has_draft else None,
        people=_counted(found["people"]),
        choices=choices_found(found),
    )


def _counted(rows: Sequence[Any]) -> Mapping[UUID, Mapping[int, int]]:
    people: dict[UUID, dict[int, int]] = {}
    for row in rows:
        people.setdefault(row.version_id, {})[row.step] = row.people
    return people


def _automation(uow: UnitOfWork, automation_id: UUID) -> Any:
    live = (col(SequenceVersion.clinic_id) == col(Automation.clinic_id)) & (
        col(SequenceVersion.id) == col(Automation.version_id)
    )
    columns: Any = (
        *(col(Automation.id), col(Automation.name), col(Automation.state)),
        *(col(Automation.version_id), col(SequenceVersion.number)),
        *(col(SequenceVersion.definition), col(SequenceVersion.published_at)),
    )
    query: Any = select(*columns)
    return query.outerjoin(SequenceVersion, live).where(
        col(Automation.clinic_id) == uow.clinic_id, col(Automation.id) == automation_id
    )


def _draft(uow: UnitOfWork, automation_id: UUID) -> Any:
    undoable = func.jsonb_array_length(col(SequenceDraft.past)).label("undoable")
    columns: Any = (
        *(col(SequenceDraft.document), col(SequenceDraft.version), undoable),
        *(col(SequenceDraft.based_on), col(SequenceDraft.changed_at), col(SequenceDraft.editor_id)),
    )
    query: Any = select(*columns)
    return query.where(
        col(SequenceDraft.clinic_id) == uow.clinic_id,
        col(SequenceDraft.automation_id) == automation_id,
    )


def _people(uow: UnitOfWork, automation_id: UUID) -> Any:
    """Count who is in it by version and place: the step taken last, or the first."""
    # Who was taken on by an earlier release stands before the next one: it knew no branches.
    before = func.greatest(col(Enrollment.step) - 1, 0)
    at = func.coalesce(col(Enrollment.last_step), before).label("step")
    return (
        select(col(Enrollment.version_id), at, func.count().label("people"))
        .where(
            col(Enrollment.clinic_id) == uow.clinic_id,
            col(Enrollment.automation_id) == automation_id,
            col(Enrollment.state) == "live",
        )
        .group_by(col(Enrollment.version_id), at)
    )


@dataclass(frozen=True)
class ListShown:
    """A list of parts below another one; `into` is how a form names it."""

    name: str
    into: str
    parts: Sequence["PartShown"]


@dataclass(frozen=True)
class PartShown:
    """A part of the draft as the page shows it, with what is wrong with it, and what it holds.

    `steps` are its branches, `asks` its conditions; `text` is what it sends, `people` who stands
    at it, `is_new` that the live version has none like it.
    """

    id: str
    kind: str
    words: str
    into: str
    next_id: str
    wrong: Mapping[str, str]
    steps: Sequence[ListShown]
    asks: Sequence[ListShown]
    people: int = 0
    node: Node = field(default_factory=dict)
    list: str = ""

    @property
    def is_sending(self) -> bool:
        """Whether it sends words that can be shown."""
        return "template_id" in self.node


def wrong_with(uow: UnitOfWork, document: Node) -> Wrong:
    """Return what keeps a draft from being published, by the id of each part and its fields."""
    plain, keys = definition_of(document)
    fields: dict[str, str] = {}
    try:
        parse(with_ids(uow, plain))
    except InvalidDefinition as first:
        fields |= first.fields
        # What names something that is gone is told first, and alone; here all is told at once.
        try:
            parse(plain)
        except InvalidDefinition as second:
            fields = {**second.fields, **fields}
    # A list of which a part is wrong is said to have too few; that part says it better.
    said = {
        _own_name(path): message
        for path, message in fields.items()
        if not any(other.startswith(f"{path}.") for other in fields)
    }
    return blamed(said, keys)


def _own_name(path: str) -> str:
    """Return the path of the field that a form has: a name stands in the place of an id."""
    head, dot, last = path.rpartition(".")
    return f"{head}{dot}{last}_id" if last in _NAMED else path


def shown(opened: Opened, wrong: Wrong, key: str = "root") -> PartShown:
    """Return a part of the draft, the root and the trigger too, with all that it holds."""
    places = standing_at(opened)
    return _shown(opened, find(opened.document, key), "", "", wrong, places)


def standing_at(opened: Opened) -> Mapping[str, int]:
    """Return how many people of the live version stand at which part of the draft.

    Its parts keep their ids while they are moved, so each is known that the live version has.
    """
    if opened.live is None or opened.live_id is None or opened.based_on != opened.number:
        return {}
    plain, keys = definition_of(draft_of(opened.live))
    here = opened.people.get(opened.live_id, {})
    ids = {place.position: keys[place.path] for place in parse(plain).program}
    return {ids[position]: people for position, people in here.items() if position in ids}


def _shown(
    opened: Opened,
    node: Node,
    into: str,
    next_id: str,
    wrong: Wrong,
    places: Mapping[str, int],
) -> PartShown:
    list_name = list_of(into)
    part = class_of(node, list_name)
    held = [_list(opened, node, name, wrong, places) for name in lists_of(part)]
    return PartShown(
        id=node["id"],
        kind=str(node.get("kind", "")),
        words=words_of(node, list_name, opened.choices.names) if list_name else "",
        into=into,
        next_id=next_id,
        wrong=wrong.get(node["id"], {}),
        steps=[one for one in held if one.name not in CONDITION_LISTS],
        asks=[one for one in held if one.name in CONDITION_LISTS],
        people=places.get(node["id"], 0),
        node=node,
        list=list_name,
    )


def _list(
    opened: Opened, holder: Node, name: str, wrong: Wrong, places: Mapping[str, int]
) -> ListShown:
    into = f"{holder['id']}.{name}"
    nodes = holder.get(name) or ()
    nexts = [*(node["id"] for node in nodes[1:]), ""]
    parts = [
        _shown(opened, node, into, next_id, wrong, places)
        for node, next_id in zip(nodes, nexts, strict=False)
    ]
    return ListShown(name, into, parts)
