"""`python -m bench [PF-1 …]`: measure the bars beside their yardsticks, print and write them."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import idle, intake, moves, pages, replies, steps, waiting, weight
from bench.house import open_house
from bench.report import Bar, write

ROUNDS = 5


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    bars: set[str]
    is_small: bool
    rounds: int


def _idle(wanted: Wanted) -> list[Bar]:
    scale = idle.SMALL if wanted.is_small else idle.FULL
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        return idle.measure(Path(folder), wanted.bars, scale, wanted.rounds)


def _moves(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        return moves.measure(house, moves.SMALL if wanted.is_small else moves.FULL, wanted.rounds)


def _intake(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        scale = intake.SMALL if wanted.is_small else intake.FULL
        return intake.measure(house, scale, wanted.rounds)


def _steps(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        scale = steps.SMALL if wanted.is_small else steps.FULL
        return steps.measure(house, wanted.bars, scale, wanted.rounds)


def _waiting(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        scale = waiting.SMALL if wanted.is_small else waiting.FULL
        return waiting.measure(house, scale, wanted.rounds)


def _pages(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        return pages.measure(house, pages.SMALL if wanted.is_small else pages.FULL, wanted.rounds)


def _replies(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        scale = replies.SMALL if wanted.is_small else replies.FULL
        return replies.measure(house, scale, wanted.rounds)


def _weight(wanted: Wanted) -> list[Bar]:
    with open_house() as house:
        return weight.measure(house, wanted.rounds)


GROUPS: tuple[tuple[tuple[str, ...], Callable[[Wanted], list[Bar]]], ...] = (
    (("PF-1", "PF-2", "PF-3"), _steps),
    (("PF-4",), _intake),
    (("PF-6",), _moves),
    (("PF-7",), _waiting),
    (("PF-8",), _pages),
    (("PF-9",), _replies),
    (("PF-10",), _weight),
    (("PF-11", "PF-13"), _idle),
)


def main() -> None:
    """Read the command line, measure, print a table and write bench/results.json."""
    known = [name for names, _ in GROUPS for name in names]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bars", nargs="*", metavar="PF-1", help=", ".join(known))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    options = parser.parse_args()
    unknown = set(options.bars) - set(known)
    if unknown:
        parser.error(f"unknown bars: {', '.join(sorted(unknown))}")
    wanted = Wanted(set(options.bars or known), options.scale == "small", options.rounds)
    bars: list[Bar] = []
    for names, measure in GROUPS:
        if asked := wanted.bars & set(names):
            sys.stderr.write(f"Measuring {', '.join(sorted(asked))} ...\n")
            bars += measure(wanted)
            write(bars)


if __name__ == "__main__":
    main()
