"""When a text may next arrive: the first instant at which it is daytime wherever they may be."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

HORIZON = timedelta(days=400)
"""How far ahead is looked: offsets repeat every year, so what is closed for longer stays closed."""

Week = Sequence[tuple[int, int]]
"""The window of each local day, Monday first: first hour, and first hour after it, up to 24.

A day whose two hours are the same is closed.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

# Names that a zone database may hold and that are nobody's place: the machine's own zone, and the
# copies that count leap seconds.
_NOT_PLACES = frozenset({"localtime", "posixrules", "Factory"})
_NOT_PLACES_BELOW = ("right/", "posix/")


def earliest(
    now: datetime, zones: Collection[str], start_hour: int, end_hour: int
) -> datetime | None:
    """Return the first instant from `now` at which every zone's clock is in the window, in UTC.

    The window is `start_hour` (inclusive) to `end_hour` (exclusive, up to 24) of each local day.
    None if that never happens. Raises ValueError for a naive `now`, an unknown zone (which it
    names), no zones at all, or hours out of order (LAW-20 to LAW-25).
    """
    return earliest_in(now, zones, ((start_hour, end_hour),) * 7)


def earliest_in(now: datetime, zones: Collection[str], week: Week) -> datetime | None:
    """Return what `earliest` does for windows that differ by the day of the week (LAW-21).

    Raises ValueError.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware: a naive time is nobody's time")
    for start_hour, end_hour in week:
        if not 0 <= start_hour <= end_hour <= 24:
            raise ValueError(f"not a window within one day: {start_hour} to {end_hour}")
    if isinstance(zones, str) or not zones:
        raise ValueError("zones must name at least one time zone")
    places = [_zone(name) for name in dict.fromkeys(zones)]
    if all(start_hour == end_hour for start_hour, end_hour in week):
        return None
    return _first_common(now.astimezone(UTC), places, week)


def closing(now: datetime, zones: Collection[str], week: Week) -> datetime:
    """Return when the first of the zones' windows of today ends; they are all open now.

    Raises ValueError for an unknown zone.
    """
    return min(_end_of_day(now.astimezone(_zone(name)), week) for name in zones)


def _end_of_day(local: datetime, week: Week) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    end = midnight + timedelta(hours=week[local.weekday()][1])  # by the clock on the wall
    return end.astimezone(UTC)


def _first_common(now: datetime, places: list[ZoneInfo], week: Week) -> datetime | None:
    """Jump from one zone's opening to another's until one instant suits all."""
    instant = now
    try:
        while instant - now <= HORIZON:
            # Whichever zone opens last is closed until then, so nothing in between suits all.
            opening = max(_opening(instant, place, week) for place in places)
            if opening == instant:
                return instant
            instant = opening
    except OverflowError:  # beyond the last year that a date can have
        return None
    return None


def _opening(instant: datetime, place: ZoneInfo, week: Week) -> datetime:
    """Return the first instant from `instant` at which the window is open in one zone."""
    local = instant.astimezone(place)
    while not _is_open(local, week):
        supposed = instant + _until_open(local, week)
        if supposed.astimezone(place).utcoffset() == local.utcoffset():
            return supposed
        # The clocks change before then, which may itself open the window: look again from there.
        instant = _clock_change(instant, supposed, place)
        local = instant.astimezone(place)
    return instant


def _is_open(local: datetime, week: Week) -> bool:
    start_hour, end_hour = week[local.weekday()]
    return start_hour <= local.hour < end_hour


def _until_open(local: datetime, week: Week) -> timedelta:
    """Return how long until a clock that runs evenly shows the next opening, within a week."""
    wall = local.replace(tzinfo=None)
    today = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    openings = (
        today + timedelta(days=days, hours=start_hour)
        for days in range(8)
        for start_hour, end_hour in [week[(wall.weekday() + days) % 7]]
        if start_hour < end_hour
    )
    return next(opening for opening in openings if opening > wall) - wall


def _clock_change(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """Return the first whole second with another offset than at `before`, by halving."""
    low, high = (before - _EPOCH) // _SECOND, (after - _EPOCH) // _SECOND
    offset = before.astimezone(place).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if (_EPOCH + middle * _SECOND).astimezone(place).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return _EPOCH + high * _SECOND


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    if name in _NOT_PLACES or name.startswith(_NOT_PLACES_BELOW):
        raise ValueError(f"unknown time zone: {name!r}")
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone: {name!r}") from error
