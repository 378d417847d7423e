"""A tree of steps becomes a flat program, and a pass follows it."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.definitions import InvalidDefinition, SequenceDefinition, parse
from automations.facts import Facts
from automations.outcomes import Take
from automations.program import DEEPEST, MOST_STEPS, Place, outline
from automations.rehearsal import rehearse
from automations.steps.split import draw
from automations.subjects import Subject
from automations.walking import walk
from tests.automations.test_walking import DAY, LEAD, NOW, SEND, STOP, standing

SPANISH = {"kind": "language_is", "language": "es"}
OPEN = {"kind": "lead_is_open"}


def branch(then: list[Any], otherwise: list[Any], *conditions: Any, **more: Any) -> dict[str, Any]:
    asked = list(conditions or [SPANISH])
    return {"kind": "if_else", "conditions": asked, "then": then, "otherwise": otherwise, **more}


def split(*shares: tuple[int, list[Any]]) -> dict[str, Any]:
    branches = [{"percent": percent, "steps": steps} for percent, steps in shares]
    return {"kind": "split", "branches": branches}


def document(*steps: Any) -> dict[str, Any]:
    return {"name": "A", "trigger": {"kind": "lead_created"}, "steps": list(steps)}


def program(*steps: Any) -> tuple[Place, ...]:
    return parse(document(*steps)).program


def test_a_list_without_branches_is_its_own_program() -> None:
    places = program(SEND, DAY, STOP)

    assert [(one.position, one.path, one.depth, one.next, one.branches) for one in places] == [
        (0, "steps.0", 0, 1, ()),
        (1, "steps.1", 0, 2, ()),
        (2, "steps.2", 0, 3, ()),
    ]
    assert [one.step.kind for one in places] == ["send_text", "wait_for", "stop"]


def test_a_tree_is_laid_out_depth_first_and_each_place_knows_what_follows() -> None:
    places = program(
        SEND, branch([DAY, branch([SEND], [])], [SEND]), split((30, []), (70, [SEND])), STOP
    )

    assert [(one.path, one.depth, one.next, one.branches) for one in places] == [
        ("steps.0", 0, 1, ()),
        ("steps.1", 0, 6, (2, 5)),
        ("steps.1.then.0", 1, 3, ()),
        ("steps.1.then.1", 1, 6, (4, 6)),
        ("steps.1.then.1.then.0", 2, 6, ()),
        ("steps.1.otherwise.0", 1, 6, ()),
        ("steps.2", 0, 8, (8, 7)),
        ("steps.2.branches.1.steps.0", 1, 8, ()),
        ("steps.3", 0, 9, ()),
    ]


def test_a_pass_goes_one_way_and_on_behind_the_branches() -> None:
    steps = [branch([SEND, DAY], [DAY, SEND]), STOP]
    spanish = walk(standing(*steps, facts=Facts("es", LEAD)), NOW)
    english = walk(standing(*steps), NOW)

    assert [one.step for one in spanish.taken] == [0, 1]
    assert spanish.step == 2
    assert [one.step for one in english.taken] == [0, 3]
    assert english.step == 4
    rehearsed = [one.taken.step for one in rehearse(standing(*steps), NOW)]
    assert rehearsed == [0, 3, 4, 5]


def test_the_step_run_says_which_way_and_what_each_condition_found() -> None:
    asked = branch([], [STOP], SPANISH, {"kind": "not", "of": OPEN}, match="any")

    [taken, _] = walk(standing(asked), NOW).taken

    assert taken.outcome.then == Take(1, "otherwise")
    assert taken.record() == {
        "branch": "otherwise",
        "because": (
            {"kind": "language_is", "holds": False},
            {"kind": "not", "holds": False, "of": [{"kind": "lead_is_open", "holds": True}]},
        ),
    }


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"kind": "all_of", "of": [OPEN, SPANISH]}, False),
        ({"kind": "any_of", "of": [OPEN, SPANISH]}, True),
        ({"kind": "not", "of": SPANISH}, True),
        ({"kind": "not", "of": {"kind": "any_of", "of": [OPEN, SPANISH]}}, False),
        ({"kind": "all_of", "of": [OPEN, {"kind": "not", "of": SPANISH}]}, True),
    ],
)
def test_conditions_nest(condition: Any, holds: bool) -> None:
    [place] = program({**STOP, "when": [condition]})

    assert place.step.when[0].holds(Facts("en", LEAD)) is holds


def test_the_same_person_always_takes_the_same_branch_and_the_shares_are_kept() -> None:
    steps = [split((20, [STOP]), (30, [DAY]), (50, [SEND]))]

    def way(number: int) -> str:
        at = standing(*steps, subject=Subject(UUID(int=number)), facts=Facts("en"))
        return str(walk(at, NOW).taken[0].record()["branch"])

    ways = [way(number) for number in range(2000)]

    assert ways == [way(number) for number in range(2000)]
    shares = Counter(ways)
    for name, percent in (("0", 20), ("1", 30), ("2", 50)):
        assert abs(shares[name] / 20 - percent) < 4
    assert {draw(str(number)) for number in range(5000)} == set(range(100))


def test_another_place_draws_anew() -> None:
    steps = [split((50, []), (50, [])), split((50, []), (50, []))]
    drawn = [
        [
            taken.record()["branch"]
            for taken in walk(standing(*steps, subject=Subject(UUID(int=number))), NOW).taken
        ]
        for number in range(200)
    ]

    assert {tuple(one) for one in drawn} == {(a, b) for a in "01" for b in "01"}


def nested(depth: int) -> dict[str, Any]:
    return branch([nested(depth - 1)], []) if depth else STOP


@pytest.mark.parametrize(
    ("steps", "field", "words"),
    [
        (
            [DAY, branch([SEND, {"kind": "send_text"}], [])],
            "steps.1.then.1.template_id",
            "Step 2 (if_else), then, Step 2 (send_text), template_id: ",
        ),
        (
            [split((50, [{"kind": "wait_for", "days": 400}]), (50, []))],
            "steps.0.branches.0.steps.0.days",
            "Step 1 (split), branches.0, Step 1 (wait_for), days: ",
        ),
        ([branch([{"kind": "dance"}], [])], "steps.0.then.0.kind", "Step 1 (dance), kind"),
        ([branch([], [])], "steps.0", "one of the two ways"),
        ([branch([STOP], [], {"kind": "not"})], "steps.0.conditions.0.of", "conditions.0.of"),
        (
            [branch([STOP], [], {"kind": "all_of", "of": [{"kind": "stage_is"}]})],
            "steps.0.conditions.0.of.0.stage_id",
            "Step 1 (if_else), conditions.0.of.0.stage_id",
        ),
        ([split((50, []), (40, []))], "steps.0.branches", "100 percent"),
        ([split((50, [])), STOP], "steps.0.branches", "at least 2"),
        ([branch([STOP] * 30, []), *[STOP] * 20], "steps", "at most 50 steps"),
        ([nested(DEEPEST + 1)], "steps.0" + ".then.0" * (DEEPEST + 1), "at most 4 branches"),
    ],
)
def test_a_wrong_step_in_a_branch_is_named_with_its_path(
    steps: list[Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse(document(*steps))

    assert field in caught.value.fields
    assert words in caught.value.detail


def test_what_is_nested_beyond_all_reason_is_refused_in_a_word() -> None:
    condition: Any = OPEN
    for _ in range(3000):
        condition = {"kind": "not", "of": condition}

    with pytest.raises(InvalidDefinition) as caught:
        parse(document({**STOP, "when": [condition]}))

    assert list(caught.value.fields) == ["steps"]


def test_the_deepest_and_the_longest_are_let_through() -> None:
    assert len(program(nested(DEEPEST))) == DEEPEST + 1
    assert len(program(branch([STOP] * 29, []), *[STOP] * 20)) == MOST_STEPS


leaves = st.sampled_from([SEND, DAY, STOP, {**SEND, "when": [SPANISH]}])


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3)
    forks = st.tuples(lists, lists).filter(any).map(lambda ways: branch(*ways))
    return forks | st.tuples(lists, lists).map(lambda two: split((40, two[0]), (60, two[1])))


@given(steps=st.lists(st.recursive(leaves, trees, max_leaves=12), min_size=1, max_size=6))
def test_a_program_only_goes_on_and_names_every_step_once(steps: list[Any]) -> None:
    if sum(1 for _ in outline({"steps": steps})) > MOST_STEPS:
        steps = [STOP]
    definition = SequenceDefinition.model_validate(document(*steps))
    places = definition.program

    assert [one.position for one in places] == list(range(len(places)))
    assert [one.path for one in places] == [one.path for one in outline(document(*steps))]
    for one in places:
        assert one.position < one.next <= len(places)
        assert all(one.position < at <= one.next for at in one.branches)
    walked = [one.taken for one in rehearse(standing(*steps), NOW)]
    order = [one.step for one in walked]
    assert order == sorted(set(order))
