"""The tree of a sequence's steps as a flat program: one place a step, each knows what comes next.

The places stand depth first, so what comes next is always further on: a program has no way back.
A list without branches is its own program.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automations.steps import STEPS
from automations.steps.base import Step

MOST_STEPS = 50
"""Steps of a sequence at most, those of all its branches together."""

DEEPEST = 4
"""How many branches a step stands in at most."""

_ARMS: Mapping[str, Sequence[str]] = {
    step.model_fields["kind"].default: step.arms for step in STEPS if step.arms
}


@dataclass(frozen=True)
class Place:
    """A step at its position, its path in the document, and the positions that may follow it.

    `next` is where one goes on behind the step and its branches, `branches` where each of these
    begins: one without steps at `next`. The program's length is the end. `depth` counts the
    branches around it.
    """

    position: int
    path: str
    depth: int
    step: Step
    next: int
    branches: tuple[int, ...] = ()


Program = tuple[Place, ...]


def compile_steps(steps: Sequence[Step]) -> Program:
    """Return the program of a sequence's steps."""
    length = sum(1 for _ in outline({"steps": steps}))
    return tuple(_places(steps, "steps", 0, 0, length))


def _places(
    steps: Sequence[Step], path: str, depth: int, position: int, after: int
) -> Iterator[Place]:
    """Yield the places of a list that begins at `position`; what follows it begins at `after`."""
    for index, step in enumerate(steps):
        own = f"{path}.{index}"
        arms = list(arms_of(step, own))
        starts = [position + 1]
        for _, inner in arms:
            starts.append(starts[-1] + sum(1 for _ in outline({"steps": inner})))
        end = starts[-1]
        follows = after if index == len(steps) - 1 else end
        branches = tuple(
            start if inner else follows for start, (_, inner) in zip(starts, arms, strict=False)
        )
        yield Place(position, own, depth, step, follows, branches)
        for start, (arm, inner) in zip(starts, arms, strict=False):
            yield from _places(inner, arm, depth + 1, start, follows)
        position = end


@dataclass(frozen=True)
class Outlined:
    """A step of a document: where it stands, how deep, and of what kind it says to be."""

    path: str
    depth: int
    kind: str | None


def outline(document: Any) -> Iterator[Outlined]:
    """Yield the steps of a document, depth first; it may be wrong, and as deep as it likes."""
    waiting = [*_within(_get(document, "steps"), "steps", 0)][::-1]
    while waiting:
        step, path, depth = waiting.pop()
        kind = _get(step, "kind")
        yield Outlined(path, depth, kind if isinstance(kind, str) else None)
        inner = [
            one for arm, steps in arms_of(step, path) for one in _within(steps, arm, depth + 1)
        ]
        waiting += inner[::-1]


def arms_of(step: Any, path: str) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the path and the steps of each branch of a step, parsed or as it was written."""
    kind = _get(step, "kind")
    for arm in _ARMS.get(kind, ()) if isinstance(kind, str) else ():
        outer, _, inner = arm.partition(".*.")
        if not inner:
            yield f"{path}.{arm}", _listed(_get(step, arm))
            continue
        for index, one in enumerate(_listed(_get(step, outer))):
            yield f"{path}.{outer}.{index}.{inner}", _listed(_get(one, inner))


def _within(steps: Any, path: str, depth: int) -> list[tuple[Any, str, int]]:
    return [(step, f"{path}.{index}", depth) for index, step in enumerate(_listed(steps))]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _get(node: Any, key: str) -> Any:
    return node.get(key) if isinstance(node, Mapping) else getattr(node, key, None)
