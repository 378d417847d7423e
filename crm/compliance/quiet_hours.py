"""When a text may next arrive: the first instant at which it is daytime wherever they may be."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

HORIZON = timedelta(days=400)
"""How far ahead is looked: offsets repeat every year, so what is closed for longer stays closed."""

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
    if now.utcoffset() is None:
        raise ValueError("now must be aware: a naive time is nobody's time")
    if not 0 <= start_hour <= end_hour <= 24:
        raise ValueError(f"not a window within one day: {start_hour} to {end_hour}")
    if isinstance(zones, str) or not zones:
        raise ValueError("zones must name at least one time zone")
    places = [_zone(name) for name in dict.fromkeys(zones)]
    if start_hour == end_hour:
        return None
    return _first_common(now.astimezone(UTC), places, start_hour, end_hour)


def _first_common(
    now: datetime, places: list[ZoneInfo], start_hour: int, end_hour: int
) -> datetime | None:
    """Jump from one zone's opening to another's until one instant suits all."""
    instant = now
    try:
        while instant - now <= HORIZON:
            # Whichever zone opens last is closed until then, so nothing in between suits all.
            opening = max(_opening(instant, place, start_hour, end_hour) for place in places)
            if opening == instant:
                return instant
            instant = opening
    except OverflowError:  # beyond the last year that a date can have
        return None
    return None


def _opening(instant: datetime, place: ZoneInfo, start_hour: int, end_hour: int) -> datetime:
    """Return the first instant from `instant` at which the window is open in one zone."""
    local = instant.astimezone(place)
    while not start_hour <= local.hour < end_hour:
        supposed = instant + _until_hour(local, start_hour)
        if supposed.astimezone(place).utcoffset() == local.utcoffset():
            return supposed
        # The clocks change before then, which may itself open the window: look again from there.
        instant = _clock_change(instant, supposed, place)
        local = instant.astimezone(place)
    return instant


def _until_hour(local: datetime, hour: int) -> timedelta:
    """Return how long until a clock that runs evenly shows this hour."""
    wall = local.replace(tzinfo=None)
    target = wall.replace(hour=hour, minute=0, second=0, microsecond=0)
    return target - wall if target > wall else target + timedelta(days=1) - wall


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
