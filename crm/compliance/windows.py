"""The hours in which automated texts may arrive, by the recipient's clock (LAW-20, LAW-21).

Ours are inside the federal ones for every text. A text that sells keeps to those of every state
where its recipient may live as well; which states these are is told by the number alone, and a
number that tells none leaves our own hours, which are those of the stricter states.
"""

from collections.abc import Mapping
from functools import lru_cache

from crm.compliance.area_codes import STATES_OF
from crm.compliance.quiet_hours import Week

DEFAULT_START_HOUR = 8
"""First hour of the day, inclusive."""

DEFAULT_END_HOUR = 20
"""First hour that is quiet again, exclusive: federal law says 21, the stricter states 20."""

TABLE_OF = "2026-11-22"
"""The day as of which the table below was gathered; it is not legal advice."""

_FROM_8, _FROM_9 = (8, 20), (9, 20)
ALWAYS: Week = ((0, 24),) * 7
FEDERAL: Week = ((8, 21),) * 7
"""47 CFR 64.1200(c)(1), at the called party's location."""

STATE_WINDOWS: Mapping[str, Week] = {
    "CT": (_FROM_9,) * 7,
    "FL": (_FROM_8,) * 7,
    "MD": (_FROM_8,) * 7,
    "MS": (_FROM_8,) * 7,
    "NJ": (_FROM_8,) * 7,
    "OK": (_FROM_8,) * 7,
    "OR": (_FROM_8,) * 7,  # since 2026-01-01
    # Gen. Laws 5-61-3.6: nothing on Sundays. Its holidays are not known here.
    "RI": (*((9, 18),) * 5, (10, 17), (0, 0)),
    "TX": (*((9, 21),) * 6, (12, 21)),
    "WA": (_FROM_8,) * 7,
}
"""What the states say of telephone solicitations, Monday first; marketing texts keep to it."""


def states_of(phone: str) -> tuple[str, ...]:
    """Return the states with hours of their own that a number's area code speaks for (LAW-23)."""
    return STATES_OF.get(phone[2:5], ()) if phone.startswith("+1") else ()


@lru_cache(maxsize=1024)
def week(states: tuple[str, ...], start_hour: int, end_hour: int) -> Week:
    """Return the hours that a clinic's window, federal law and all these states have in common."""
    own = ((start_hour, end_hour),) * 7
    return common(own, FEDERAL, *(STATE_WINDOWS[state] for state in states))


def common(*weeks: Week) -> Week:
    """Return the hours that all these weeks have in common."""
    return tuple(_common([each[day] for each in weeks]) for day in range(7))


def _common(hours: list[tuple[int, int]]) -> tuple[int, int]:
    start, end = max(start for start, _ in hours), min(end for _, end in hours)
    return (start, end) if start < end else (0, 0)
