"""What a draft's parts are: their kinds, how each reads, and what may stand in which list."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from automations.building.tree import (
    CONDITION_LISTS,
    ROOT,
    SHARE,
    SHARE_LISTS,
    STEP_LISTS,
    TRIGGER,
    Node,
    new_part,
)
from automations.conditions import CONDITIONS
from automations.definitions import SequenceDefinition
from automations.names import Names
from automations.parts import Part
from automations.steps import STEPS
from automations.steps.split import Share
from automations.triggers import TRIGGERS
from crm.core.errors import N_
from crm.web.language import _

Kinds = Mapping[str, type[BaseModel]]


def _by_kind(parts: tuple[type[Part], ...]) -> Kinds:
    return {part.model_fields["kind"].default: part for part in parts}


STEP_KINDS, CONDITION_KINDS = _by_kind(STEPS), _by_kind(CONDITIONS)
TRIGGER_KINDS = _by_kind(TRIGGERS)
SHARE_KINDS: Kinds = {SHARE: Share}

LIST_LABELS: Mapping[str, str] = {
    "steps": N_("Steps"),
    "then": N_("Then"),
    "otherwise": N_("Otherwise"),
    "happened": N_("If it happened"),
    "timed_out": N_("If the time ran out"),
    "branches": N_("Ways"),
    "when": N_("Only if"),
    "conditions": N_("Conditions"),
    "of": N_("Conditions"),
}

ICONS: Mapping[str, str] = {
    "send_text": "text",
    "send_email": "email",
    "wait_for": "clock",
    "wait_until": "clock",
    "wait_for_event": "clock",
    "wait_for_date": "calendar",
    "if_else": "fork",
    "split": "split",
    "create_task": "tasks",
    "move_stage": "pipeline",
    "assign": "person",
    "tag": "tag",
    "set_field": "edit",
    "notify": "bell",
    "start_sequence": "sequences",
    "stop_sequence": "stop",
    "stop": "stop",
    "share": "split",
}
"""The icon of each kind; a new one has that of all that is automatic."""

_STARTS: Mapping[str, Mapping[str, Any]] = {
    "wait_for": {"days": 1},
    "wait_for_event": {"days": 1},
    "wait_until": {"time": "09:00"},
}
"""What a new part says at first, where a usual answer saves typing."""


def kinds_in(name: str) -> Kinds:
    """Return the kinds of parts that a list of this name may hold."""
    if name in STEP_LISTS:
        return STEP_KINDS
    return CONDITION_KINDS if name in CONDITION_LISTS else SHARE_KINDS


def class_of(node: Mapping[str, Any], list_name: str = "") -> type[BaseModel] | None:
    """Return the class of a part: by its list, or as the root or the trigger it is."""
    if node["id"] == ROOT:
        return SequenceDefinition
    kinds = TRIGGER_KINDS if node["id"] == TRIGGER else kinds_in(list_name)
    return kinds.get(str(node.get("kind")))


def lists_of(part: type[BaseModel] | None) -> list[str]:
    """Return the names of the lists of parts that a class has, as its fields stand."""
    named = () if part is None else part.model_fields
    return [name for name in named if name in LIST_LABELS]


def fresh(kind: str, list_name: str) -> Node:
    """Return a new part of a kind, with what it usually says; its ways are there, and empty."""
    if kind == "split":
        shares = [new_part(SHARE, percent=50, steps=[]) for _way in range(2)]
        return new_part(kind, branches=shares)
    part = kinds_in(list_name).get(kind)
    ways: dict[str, Any] = {name: [] for name in lists_of(part) if name in STEP_LISTS}
    return new_part(kind, **_STARTS.get(kind, {}), **ways)


def words_of(node: Mapping[str, Any], list_name: str, names: Names) -> str:
    """Return how a part reads; one that is not whole, by its kind alone."""
    part = class_of(node, list_name)
    if part is Share:
        return _("%(percent)s of a hundred", percent=node.get("percent", "?"))
    if part is None or not issubclass(part, Part):
        return _("Unknown: %(kind)s", kind=str(node.get("kind", ""))[:40])
    try:
        return part.model_validate(alone(node, part)).words(names)
    except ValidationError:
        return label_of(part)


def label_of(part: type[BaseModel]) -> str:
    """Return what a kind of part is called."""
    return _(str(getattr(part, "label", N_("Way"))))


def alone(node: Mapping[str, Any], part: type[BaseModel]) -> Node:
    """Return a part as a document without the steps it holds: those are read by themselves."""
    made = {name: value for name, value in node.items() if name != "id"}
    if part is Share:
        del made["kind"]
    if "stage_id" in made and "pipeline_id" in part.model_fields:
        # A stage stands for its pipeline, whose id is added on the way to a version.
        made.setdefault("pipeline_id", made["stage_id"])
    for name in (*STEP_LISTS, "when"):
        # What demands steps, such as one way of two, gets one that says nothing of the part.
        held = [] if name in ("when", "steps") else [{"kind": "stop"}]
        if name in part.model_fields:
            made[name] = held
    for name in (*CONDITION_LISTS[:1], "of", *SHARE_LISTS):
        if name in part.model_fields:
            inner = [_inner(one, name) for one in node.get(name) or ()]
            is_one = name == "of" and made.get("kind") == "not"
            made[name] = (inner[0] if inner else None) if is_one else inner
    return made


def _inner(node: Mapping[str, Any], list_name: str) -> Node:
    part = class_of(node, list_name)
    return dict(node) if part is None else alone(node, part)
