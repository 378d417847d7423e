"""`python -m bench [PF-1 …]`: measure the bars beside their yardsticks, print and write them."""

import argparse
import sys
from collections.abc import Callable

from bench import steps
from bench.house import House, open_house
from bench.report import Bar, write

Measure = Callable[[House, set[str], str, int], list[Bar]]


def _steps(house: House, wanted: set[str], scale: str, rounds: int) -> list[Bar]:
    return steps.measure(house, wanted, steps.SMALL if scale == "small" else steps.FULL, rounds)


GROUPS: tuple[tuple[tuple[str, ...], Measure], ...] = ((("PF-1", "PF-2"), _steps),)


def main() -> None:
    """Read the command line and measure."""
    known = [name for names, _ in GROUPS for name in names]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bars", nargs="*", metavar="PF-1", help=", ".join(known))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    options = parser.parse_args()
    unknown = set(options.bars) - set(known)
    if unknown:
        parser.error(f"unknown bars: {', '.join(sorted(unknown))}")
    wanted = set(options.bars or known)
    bars: list[Bar] = []
    for names, measure in GROUPS:
        if wanted & set(names):
            sys.stdout.write(f"Measuring {', '.join(sorted(wanted & set(names)))} ...\n")
            sys.stdout.flush()
            with open_house() as house:
                bars += measure(house, wanted & set(names), options.scale, options.rounds)
    write(bars)


if __name__ == "__main__":
    main()
