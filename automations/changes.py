"""What publishing a draft would change: its steps, what else it says, and who starts beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlmodel import col, select

from automations.building.parts import words_of
from automations.building.reading import Opened, standing_at
from automations.building.tree import LISTS, STEP_LISTS, Node, Place, draft_of, places
from automations.definitions import SequenceDefinition
from automations.models import Automation
from automations.triggers.base import Trigger
from automations.versions import definitions
from crm.core.uow import UnitOfWork
from crm.web.language import N_, _

What = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True)
class StepChange:
    """What becomes of one step, and how many people stand on it in the live version."""

    what: What
    words: str
    people: int


@dataclass(frozen=True)
class Changes:
    """What differs from the version that the draft began as; `others` are its settings' names."""

    steps: Sequence[StepChange]
    others: Sequence[str]

    @property
    def number(self) -> int:
        """How many changes there are."""
        return len(self.steps) + len(self.others)

    @property
    def people(self) -> int:
        """How many people stand on steps that change: they stay in their version."""
        return sum(change.people for change in self.steps)


OTHERS: Mapping[str, str] = {
    "name": N_("Name"),
    "trigger": N_("What starts it"),
    "conditions": N_("Conditions"),
    "exits": N_("Ends early when"),
    "reentry": N_("Entering again"),
    "importance": N_("Importance"),
    "sends_from": N_("Sends from"),
    "sends_until": N_("Sends until"),
    "sends_on": N_("Sends on"),
}


def changes_of(opened: Opened) -> Changes:
    """Return what a draft changes; without a published version all of it is new."""
    live = draft_of(opened.live or {})
    before, after = dict(_steps(live)), dict(_steps(opened.document))
    people, names = standing_at(opened), opened.choices.names
    moved = _moved(before, after)
    found: list[StepChange] = []
    for key, place in after.items():
        what: What | None = None
        if key not in before:
            what = "added"
        elif _own(place.node) != _own(before[key].node):
            what = "changed"
        elif key in moved:
            what = "moved"
        if what:
            words = words_of(place.node, place.list, names)
            found.append(StepChange(what, words, people.get(key, 0)))
    found += [
        StepChange("removed", words_of(place.node, place.list, names), people.get(key, 0))
        for key, place in before.items()
        if key not in after
    ]
    is_first = opened.live is None
    others = [] if is_first else [name for name in OTHERS if _differs(name, live, opened.document)]
    return Changes(found, [_(OTHERS[name]) for name in others])


def _steps(document: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    return ((one.node["id"], one) for one in places(document) if one.list in STEP_LISTS)


def _own(node: Mapping[str, Any]) -> Node:
    """Return what a step says itself: without the steps that it holds, with its conditions."""
    is_told = "pipeline_id" if node.get("stage_id") else ""
    made = {name: value for name, value in node.items() if name not in ("id", is_told)}
    for name in LISTS:
        if name in STEP_LISTS:
            made.pop(name, None)
        elif name in made:
            made[name] = [_own(one) for one in made[name]]
    return {name: value for name, value in made.items() if value not in (None, [], "")}


def _moved(before: Mapping[str, Place], after: Mapping[str, Place]) -> set[str]:
    """Return the steps that stand in another list, or elsewhere among those that stayed in theirs.

    Of those that changed their order the fewest are said to have moved.
    """
    stayed = [key for key in after if key in before]
    moved = {key for key in stayed if after[key].into != before[key].into}
    for into in {after[key].into for key in stayed}:
        order = [key for key in stayed if after[key].into == into and key not in moved]
        moved |= set(order) - _longest_in_order(order, [before[key].index for key in order])
    return moved


def _longest_in_order(keys: Sequence[str], ranks: Sequence[int]) -> set[str]:
    """Return the longest run of keys, with others between them, whose ranks rise."""
    best: list[list[int]] = []
    for at, rank in enumerate(ranks):
        longest = max((run for run in best if ranks[run[-1]] < rank), key=len, default=[])
        best.append([*longest, at])
    return {keys[at] for at in max(best, key=len, default=[])}


def _differs(name: str, live: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    if name == "conditions":
        return [_own(one) for one in live.get(name) or ()] != [
            _own(one) for one in document.get(name) or ()
        ]
    if name == "trigger":
        return _own(live.get(name) or {}) != _own(document.get(name) or {})
    if name in ("exits", "sends_on"):
        usual = SequenceDefinition.model_fields[name].default
        return set(live.get(name, usual)) != set(document.get(name, usual))
    return bool(live.get(name) != document.get(name))


@dataclass(frozen=True)
class Beside:
    """Another sequence that the same event starts: its rank, and the channels that it speaks by."""

    name: str
    priority: int
    channels: frozenset[str]


def started_together(
    uow: UnitOfWork, automation_id: UUID, definition: SequenceDefinition
) -> list[Beside]:
    """Return the other live sequences that one and the same event may start, by name.

    Each of them would write to the person for itself.
    """
    rows = uow.session.execute(
        select(col(Automation.name), col(Automation.version_id), col(Automation.priority))
        .where(
            col(Automation.clinic_id) == uow.clinic_id,
            col(Automation.id) != automation_id,
            col(Automation.state) == "live",
            col(Automation.version_id).is_not(None),
        )
        .order_by(col(Automation.name))
    ).all()
    parsed = definitions(uow, [row.version_id for row in rows])
    return [
        Beside(row.name, row.priority, _channels(parsed[row.version_id]))
        for row in rows
        if _meet(definition.trigger, parsed[row.version_id].trigger)
    ]


def _channels(definition: SequenceDefinition) -> frozenset[str]:
    return frozenset(place.step.speaks for place in definition.program if place.step.speaks)


def _meet(one: Trigger, other: Trigger) -> bool:
    """Return whether an event may start both: filters of the same kind must let the same through.

    What is entered by one is left by another: of two kinds only the pipeline and source count.
    """
    if not set(one.listens) & set(other.listens):
        return False
    names = type(one).model_fields.keys() & type(other).model_fields.keys() - {"kind"}
    if type(one) is not type(other):
        names &= {"pipeline_id", "source"}
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)
