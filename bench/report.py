"""The bars: each value beside its yardstick, the ratio, the spread, and whether it is met."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

RESULTS = Path(__file__).with_name("results.json")
_HEADINGS = (
    "bar",
    "value",
    "unit",
    "yardstick",
    "ratio",
    "spread",
    "rounds",
    "first",
    "goal",
    "met",
)


@dataclass(frozen=True)
class Limit:
    """What a ratio must reach: at least, or at most, a number."""

    sign: Literal[">=", "<="]
    number: float

    def holds(self, ratio: float) -> bool:
        """Whether the ratio reaches it."""
        return ratio >= self.number if self.sign == ">=" else ratio <= self.number

    def __str__(self) -> str:
        return f"{self.sign} {self.number:g}"


def at_least(number: float) -> Limit:
    """Return the limit of a bar where more is better."""
    return Limit(">=", number)


def at_most(number: float) -> Limit:
    """Return the limit of a bar where less is better."""
    return Limit("<=", number)


@dataclass(frozen=True)
class Bar:
    """One bar of the bench; value, yardstick and ratio are medians over the rounds."""

    id: str
    value: float
    unit: str
    yardstick: float
    ratio: float
    spread: tuple[float, float]
    rounds: int
    first: str
    goal: str
    met: Literal["goal", "first", "no"]


def compare(
    name: str,
    unit: str,
    values: Sequence[float],
    yardsticks: Sequence[float],
    *,
    first: Limit,
    goal: Limit,
) -> Bar:
    """Make a bar from the figures of the same rounds; the ratio is taken round by round.

    Raises ValueError when there is no round, or a round lacks its yardstick.
    """
    ratios = [value / yardstick for value, yardstick in zip(values, yardsticks, strict=True)]
    if not ratios:
        raise ValueError(f"{name} has no rounds.")
    ratio = median(ratios)
    met: Literal["goal", "first", "no"] = "no"
    if goal.holds(ratio):
        met = "goal"
    elif first.holds(ratio):
        met = "first"
    return Bar(
        id=name,
        value=median(values),
        unit=unit,
        yardstick=median(yardsticks),
        ratio=ratio,
        spread=(min(ratios), max(ratios)),
        rounds=len(ratios),
        first=str(first),
        goal=str(goal),
        met=met,
    )


def interleave(rounds: int, *measures: Callable[[], Any]) -> list[list[Any]]:
    """Run the measures in turn, so many rounds; returns the results of each measure.

    Each round begins with another one, so that none always runs on a warm or a tired machine.
    """
    results: list[list[Any]] = [[] for _ in measures]
    for number in range(rounds):
        for place in range(len(measures)):
            turn = (place + number) % len(measures)
            results[turn].append(measures[turn]())
    return results


def table(bars: Sequence[Bar]) -> str:
    """Return the bars as lines of text in columns."""
    rows = [_HEADINGS, *(_cells(bar) for bar in bars)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def write(bars: Sequence[Bar], path: Path = RESULTS) -> None:
    """Print the table so far and write the results file: a later crash takes nothing away."""
    path.write_text(json.dumps({"bars": [asdict(bar) for bar in bars]}, indent=2) + "\n")
    sys.stdout.write(table(bars))
    sys.stdout.flush()


def _cells(bar: Bar) -> tuple[str, ...]:
    low, high = bar.spread
    return (
        bar.id,
        _figure(bar.value),
        bar.unit,
        _figure(bar.yardstick),
        _figure(bar.ratio),
        f"{_figure(low)}-{_figure(high)}",
        str(bar.rounds),
        bar.first,
        bar.goal,
        bar.met,
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
