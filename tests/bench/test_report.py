"""The bench's own arithmetic: medians, limits, turns, and the results file."""

import json
from pathlib import Path

import pytest

from bench.load import percentile
from bench.report import Bar, at_least, at_most, compare, interleave, table, write


def bar(values: list[float], yardsticks: list[float]) -> Bar:
    return compare("PF-1", "/s", values, yardsticks, first=at_least(0.25), goal=at_least(1.0))


def test_the_ratio_is_taken_round_by_round() -> None:
    made = bar([10, 40, 30], [10, 20, 60])
    assert (made.value, made.yardstick, made.ratio) == (30, 20, 1.0)
    assert made.spread == (0.5, 2.0)
    assert made.rounds == 3


@pytest.mark.parametrize(("value", "met"), [(1.0, "goal"), (0.99, "first"), (0.24, "no")])
def test_more_is_better_for_a_rate(value: float, met: str) -> None:
    assert bar([value], [1]).met == met


@pytest.mark.parametrize(("value", "met"), [(10, "goal"), (11, "first"), (41, "no")])
def test_less_is_better_for_a_latency(value: float, met: str) -> None:
    made = compare("PF-6", "ms", [value], [160], first=at_most(1 / 4), goal=at_most(1 / 15))
    assert made.met == met


def test_a_round_without_its_yardstick_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        bar([1, 2], [1])
    with pytest.raises(ValueError, match="no rounds"):
        bar([], [])


def test_measures_take_turns_and_each_begins_once() -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    first, second = interleave(2, lambda: measure("a"), lambda: measure("b"))
    assert order == ["a", "b", "b", "a"]
    assert (first, second) == ([1, 4], [2, 3])


def test_the_results_are_written_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write([bar([3000], [2000])], tmp_path / "results.json")
    kept = json.loads((tmp_path / "results.json").read_text())["bars"]
    assert kept == [
        {
            "id": "PF-1",
            "value": 3000,
            "unit": "/s",
            "yardstick": 2000,
            "ratio": 1.5,
            "spread": [1.5, 1.5],
            "rounds": 1,
            "first": ">= 0.25",
            "goal": ">= 1",
            "met": "goal",
        }
    ]
    assert "PF-1  3,000  /s    2,000" in capsys.readouterr().out


def test_the_table_has_a_line_a_bar() -> None:
    assert len(table([bar([1], [2]), bar([2], [1])]).splitlines()) == 3


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (50, 99, 7)
