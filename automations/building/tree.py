"""A draft as a tree of parts: each has an `id`, and is found, put, moved and taken by it. Pure.

A draft is the document of a sequence with three differences: it may be incomplete, each part of it
has an `id`, and whatever holds parts holds a list of them. `definition_of` undoes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import Any

from crm.core.errors import N_, Conflict, Invalid
from crm.core.ids import new_id
from crm.web.language import _

Node = dict[str, Any]

ROOT, TRIGGER = "root", "trigger"
"""The ids of the document itself and of its trigger; the other parts' are made."""

STEP_LISTS = ("steps", "then", "otherwise", "happened", "timed_out")
CONDITION_LISTS = ("conditions", "when", "of")
SHARE, SHARE_LISTS = "share", ("branches",)
"""The ways of a split are parts, too."""

FAMILIES = (STEP_LISTS, CONDITION_LISTS, SHARE_LISTS)
LISTS = (*CONDITION_LISTS, *STEP_LISTS, *SHARE_LISTS)
MOST_PARTS = 200
DEEPEST = 8
"""How deep parts may lie in each other; whoever reads a sequence reads no deeper."""


class PartGone(Conflict):
    """The part of the draft that was to be changed is no longer there."""

    code = "part_gone"
    title = N_("This part is no longer there")


@dataclass(frozen=True)
class Place:
    """A part and where it stands: in which list of which holder, at what index and depth."""

    node: Node
    holder: Node
    list: str
    index: int
    depth: int

    @property
    def into(self) -> str:
        """The list it stands in, as a form names it: `<id>.<list>`."""
        return f"{self.holder['id']}.{self.list}"


def places(document: Mapping[str, Any]) -> Iterator[Place]:
    """Yield every part but the root and the trigger, holders before what they hold."""
    yield from _within({**document, "id": ROOT}, 0)


def _within(holder: Node, depth: int) -> Iterator[Place]:
    for name in LISTS:
        for index, node in enumerate(holder.get(name) or ()):
            yield Place(node, holder, name, index, depth)
            yield from _within(node, depth + 1)


def find(document: Mapping[str, Any], key: str) -> Node:
    """Return a part by its id, the root and the trigger too. Raises PartGone."""
    if key == ROOT:
        return {**document, "id": ROOT}
    if key == TRIGGER:
        trigger: Node = document.get("trigger") or {}
        return {**trigger, "id": TRIGGER}
    return place_of(document, key).node


def place_of(document: Mapping[str, Any], key: str) -> Place:
    """Return where a part stands. Raises PartGone."""
    for place in places(document):
        if place.node["id"] == key:
            return place
    raise PartGone(_("Somebody removed it meanwhile."))


def filled(document: Mapping[str, Any], key: str, fields: Mapping[str, Any]) -> Node:
    """Return the document with these fields of a part, its lists and kind kept. Raises PartGone.

    A field that it had and is not among them is gone.
    """
    made = deepcopy(dict(document))
    if key == ROOT:
        kept = {name: made[name] for name in (TRIGGER, *LISTS) if name in made}
        return {**fields, **kept}
    if key == TRIGGER:
        return {**made, TRIGGER: dict(fields)}
    node = place_of(made, key).node
    kept = {name: node[name] for name in ("id", "kind", *LISTS) if name in node}
    node.clear()
    node.update({**fields, **kept})
    return made


def put(document: Mapping[str, Any], node: Node, into: str, before: str = "") -> Node:
    """Return the document with a part in a list, before another part or at its end.

    Raises PartGone, Invalid.
    """
    made = deepcopy(dict(document))
    siblings = _list(made, into)
    index = next((at for at, one in enumerate(siblings) if one["id"] == before), len(siblings))
    siblings.insert(index, deepcopy(node))
    deepest = 0
    for number, place in enumerate(places(made), 1):
        deepest = max(deepest, place.depth)
        if number > MOST_PARTS or deepest >= DEEPEST:
            raise Invalid(_("A sequence has no room for more here."))
    return made


def moved(document: Mapping[str, Any], key: str, into: str, before: str = "") -> Node:
    """Return the document with a part moved, never into itself. Raises PartGone, Invalid."""
    node = place_of(document, key).node
    inside = {key, *(place.node["id"] for place in _within(node, 0))}
    is_other = not any({list_of(into), place_of(document, key).list} <= {*one} for one in FAMILIES)
    if into.split(".")[0] in inside or before == key or is_other:
        return dict(document)
    return put(removed(document, key), node, into, before)


def nudged(document: Mapping[str, Any], key: str, by: int) -> Node:
    """Return the document with a part one place up or down, at the end of a way into the next.

    Behind the last way it goes below what holds the ways, before the first one above it.
    Raises PartGone.
    """
    place = place_of(document, key)
    siblings = place.holder[place.list]
    if 0 <= place.index + by < len(siblings):
        return moved(document, key, place.into, _id_at(siblings, place.index + by + (by > 0)))
    if place.list not in STEP_LISTS or place.holder["id"] == ROOT:
        return dict(document)
    outer = place_of(document, place.holder["id"])
    if outer.list in SHARE_LISTS:
        outer = place_of(document, outer.holder["id"])
    ways = list(_ways(outer.node))
    at = next(n for n, (into, _held) in enumerate(ways) if into == place.into) + by
    if 0 <= at < len(ways):
        into, held = ways[at]
        return moved(document, key, into, _id_at(held, 0) if by > 0 else "")
    siblings = outer.holder[outer.list]
    return moved(document, key, outer.into, _id_at(siblings, outer.index + (by > 0)))


def indented(document: Mapping[str, Any], key: str) -> Node:
    """Return the document with a step at the end of the first way of the one above it.

    Where that has no ways nothing changes. Raises PartGone, Invalid.
    """
    place = place_of(document, key)
    if not place.index:
        return dict(document)
    ways = list(_ways(place.holder[place.list][place.index - 1]))
    return moved(document, key, ways[0][0]) if ways else dict(document)


def _ways(node: Node) -> Iterator[tuple[str, list[Node]]]:
    """Yield the lists of steps that a step holds, as forms name them."""
    for name in STEP_LISTS:
        if name in node:
            yield f"{node['id']}.{name}", node.get(name) or []
    for name in SHARE_LISTS:
        for share in node.get(name) or ():
            yield from _ways(share)


def _id_at(nodes: Sequence[Node], index: int) -> str:
    return str(nodes[index]["id"]) if index < len(nodes) else ""


def removed(document: Mapping[str, Any], key: str) -> Node:
    """Return the document without a part and what it holds. Raises PartGone."""
    made = deepcopy(dict(document))
    place = place_of(made, key)
    del place.holder[place.list][place.index]
    return made


def doubled(document: Mapping[str, Any], key: str) -> tuple[Node, str]:
    """Return the document with a copy of a part below it, and the copy's id.

    Raises PartGone, Invalid.
    """
    place = place_of(document, key)
    copy = with_new_ids(place.node)
    before = _id_at(place.holder[place.list], place.index + 1)
    return put(document, copy, place.into, before), copy["id"]


def list_of(into: str) -> str:
    """Return the name of the list that a form names: `steps` of `root.steps`."""
    return into.partition(".")[2]


def _list(document: Node, into: str) -> list[Node]:
    key, _dot, name = into.partition(".")
    if name not in LISTS:
        raise PartGone(_("Somebody removed it meanwhile."))
    holder = document if key == ROOT else place_of(document, key).node
    siblings: list[Node] = holder.setdefault(name, [])
    return siblings


def new_part(kind: str, **fields: Any) -> Node:
    """Return a part of a kind with an id of its own."""
    return {"id": new_id().hex[-12:], "kind": kind, **fields}


def with_new_ids(node: Mapping[str, Any]) -> Node:
    """Return a part of a draft or a definition as a part of a draft with new ids."""
    return _with_ids(node, lambda: new_id().hex[-12:])


def draft_of(definition: Mapping[str, Any]) -> Node:
    """Return a definition as a draft, whose parts are numbered: each time the same way."""
    numbers = count()
    made = _with_ids(definition, lambda: f"p{next(numbers)}")
    del made["id"]
    trigger = made.get(TRIGGER)
    made[TRIGGER] = dict(trigger) if isinstance(trigger, Mapping) else {}
    return made


def _with_ids(node: Mapping[str, Any], name_it: Callable[[], str]) -> Node:
    made = {**node, "id": name_it()}
    for name in LISTS:
        if name not in made:
            continue
        held = made[name]
        parts: Sequence[Any] = held if isinstance(held, list | tuple) else [held]
        kind = {"kind": SHARE} if name in SHARE_LISTS else {}
        made[name] = [
            _with_ids({**kind, **one}, name_it) for one in parts if isinstance(one, Mapping)
        ]
    return made


def definition_of(document: Mapping[str, Any]) -> tuple[Node, Mapping[str, str]]:
    """Return a draft as a definition, and the id of each of its parts by the part's path in it."""
    keys: dict[str, str] = {"": ROOT, TRIGGER: TRIGGER}
    return _plain(document, "", keys), keys


def _plain(node: Mapping[str, Any], path: str, keys: dict[str, str]) -> Node:
    made = {name: value for name, value in node.items() if name != "id"}
    if made.get("kind") == SHARE:
        del made["kind"]
    for name in LISTS:
        if name not in made:
            continue
        own = f"{path}.{name}" if path else name
        is_single = name == "of" and made.get("kind") == "not"
        plain = []
        for index, one in enumerate(made[name]):
            at = own if is_single else f"{own}.{index}"
            keys[at] = one["id"]
            plain.append(_plain(one, at, keys))
        made[name] = (plain[0] if plain else None) if is_single else plain
    return made


def blamed(fields: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what is wrong with each part, by its id and field, from messages by path."""
    wrong: dict[str, dict[str, str]] = {}
    for path, message in fields.items():
        parts = path.split(".")
        lengths = range(len(parts), -1, -1)
        at = next(one for one in (".".join(parts[:length]) for length in lengths) if one in keys)
        field = path[len(at) :].strip(".")
        wrong.setdefault(keys[at], {})[field] = message
    return wrong
