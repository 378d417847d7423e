"""Texts wait for the day, wherever the person may be; checked against a clock that only ticks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crm.compliance.quiet_hours import closing, earliest, earliest_in
from crm.compliance.windows import DEFAULT_END_HOUR, DEFAULT_START_HOUR

MINUTE = timedelta(minutes=1)
LOOKED_AT = timedelta(days=3)
ZONES = [
    *("America/New_York", "America/Los_Angeles", "America/Phoenix", "America/St_Johns"),
    *("Pacific/Honolulu", "Pacific/Pago_Pago", "Pacific/Kiritimati", "Pacific/Chatham"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Adelaide"),
    *("Europe/London", "Atlantic/Azores", "America/Havana", "America/Santiago", "Asia/Beirut"),
    *("Antarctica/Troll", "Africa/Cairo", "Africa/Casablanca", "UTC"),
]
"""Half hours and quarters, half-hour and two-hour daylight saving, changes at midnight."""


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def is_open(instant: datetime, zones: list[str], start: int, end: int) -> bool:
    """Say whether every zone's wall clock is in the window; the definition, with no arithmetic."""
    return all(start <= instant.astimezone(ZoneInfo(zone)).hour < end for zone in zones)


def ticked(now: datetime, zones: list[str], start: int, end: int) -> datetime | None:
    """Find the first open minute by looking at each in turn; all these zones change on minutes."""
    if is_open(now, zones, start, end):
        return now
    instant = now.replace(second=0, microsecond=0)
    while instant - now <= LOOKED_AT:
        instant += MINUTE
        if is_open(instant, zones, start, end):
            return instant
    return None


def clock_changes(zone: str, year: int) -> list[datetime]:
    """Return the hours of a year in which the zone's offset changes."""
    place, first = ZoneInfo(zone), utc(year, 1, 1)
    hours = (first + timedelta(hours=hour) for hour in range(24 * 366))
    return [
        hour
        for hour in hours
        if hour.astimezone(place).utcoffset()
        != (hour + timedelta(hours=1)).astimezone(place).utcoffset()
    ]


CHANGES = [
    (zone, change)
    for zone in ZONES
    for year in (2024, 2027)
    for change in clock_changes(zone, year)
]
windows = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(
    lambda hours: hours[0] < hours[1]
)
instants = st.datetimes(datetime(2001, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
some_zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3)


def agrees(now: datetime, zones: list[str], start: int, end: int) -> None:
    found, expected = earliest(now, zones, start, end), ticked(now, zones, start, end)
    if expected is not None:
        assert found == expected
        assert found.tzinfo is UTC
    else:
        assert found is None or (found - now > LOOKED_AT and is_open(found, zones, start, end))


@given(instants, some_zones, windows)
@settings(max_examples=60)
def test_any_time_anywhere_agrees_with_a_ticking_clock(
    now: datetime, zones: list[str], window: tuple[int, int]
) -> None:
    agrees(now, zones, *window)


@given(st.sampled_from(CHANGES), st.integers(-30 * 60, 30 * 60), windows)
@settings(max_examples=80)
def test_the_nights_on_which_clocks_change_agree_with_a_ticking_clock(
    change: tuple[str, datetime], minutes: int, window: tuple[int, int]
) -> None:
    zone, hour = change
    agrees(hour + minutes * MINUTE, [zone], *window)


@given(instants, some_zones, windows)
def test_what_is_found_is_open_is_not_in_the_past_and_stays_found(
    now: datetime, zones: list[str], window: tuple[int, int]
) -> None:
    found = earliest(now, zones, *window)
    assume(found is not None)
    assert found is not None
    assert found >= now
    assert is_open(found, zones, *window)
    assert found == now or not is_open(found - timedelta(microseconds=1), zones, *window)
    assert earliest(found, zones, *window) == found
    assert earliest(now, [*reversed(zones), *zones], *window) == found


def test_the_default_window_is_eight_to_twenty() -> None:
    assert (DEFAULT_START_HOUR, DEFAULT_END_HOUR) == (8, 20)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (utc(2026, 1, 15, 12, 59), utc(2026, 1, 15, 13)),  # 07:59 in New York
        (utc(2026, 1, 15, 13), utc(2026, 1, 15, 13)),  # 08:00: the start belongs to the day
        (utc(2026, 1, 16, 0, 59), utc(2026, 1, 16, 0, 59)),  # 19:59
        (utc(2026, 1, 16, 1), utc(2026, 1, 16, 13)),  # 20:00: the end does not
        (utc(2026, 3, 8, 3), utc(2026, 3, 8, 12)),  # the night that is an hour short
        (utc(2026, 11, 1, 2), utc(2026, 11, 1, 13)),  # the night that is an hour long
    ],
)
def test_the_start_is_in_the_window_and_the_end_is_not(now: datetime, expected: datetime) -> None:
    assert earliest(now, ["America/New_York"], 8, 20) == expected


def test_all_zones_must_be_awake() -> None:
    zones = ["America/New_York", "America/Los_Angeles"]
    assert earliest(utc(2026, 1, 15, 13), zones, 8, 20) == utc(2026, 1, 15, 16)
    assert earliest(utc(2026, 1, 16, 1), zones, 8, 20) == utc(2026, 1, 16, 16)


def test_zones_whose_days_never_meet_have_no_first_instant() -> None:
    opposite = ["Asia/Kolkata", "Pacific/Marquesas"]  # 15 hours apart, or 9 the other way
    assert earliest(utc(2026, 1, 15), opposite, 8, 17) is None
    assert earliest(utc(2026, 1, 15), opposite, 8, 18) is not None


def test_zones_that_meet_in_summer_only_wait_for_summer() -> None:
    zones = ["Europe/Paris", "Pacific/Auckland"]  # twelve hours apart in January, ten in April
    found = earliest(utc(2026, 11, 22), zones, 8, 20)
    assert found == utc(2027, 3, 28, 6)


def test_a_start_that_the_clocks_skip_opens_when_they_land() -> None:
    assert earliest(utc(2026, 3, 8, 5), ["America/New_York"], 2, 3) == utc(2026, 3, 9, 6)
    assert earliest(utc(2026, 3, 8, 5), ["America/New_York"], 2, 4) == utc(2026, 3, 8, 7)


def test_a_time_that_comes_twice_is_open_twice() -> None:
    zone = ["Antarctica/Troll"]  # at 03:00 it becomes 01:00 again
    assert earliest(utc(2026, 10, 25, 0, 30), zone, 1, 2) == utc(2026, 10, 25, 1)
    assert earliest(utc(2026, 10, 25, 1, 30), zone, 1, 2) == utc(2026, 10, 25, 1, 30)


def test_the_answer_keeps_the_instant_and_turns_it_to_utc() -> None:
    now = datetime(2026, 1, 15, 10, 30, 15, 123456, tzinfo=ZoneInfo("America/New_York"))
    found = earliest(now, {"America/New_York"}, 8, 20)
    assert found == now
    assert found.tzinfo is UTC


def test_a_window_of_no_hours_never_opens_and_one_of_all_is_always_open() -> None:
    now = utc(2026, 1, 15, 3)
    assert earliest(now, ["America/New_York"], 8, 8) is None
    assert earliest(now, ["America/New_York", "Asia/Kolkata"], 0, 24) == now


@pytest.mark.parametrize(
    "name",
    [
        "Mars/Olympus",
        "",
        "America",
        "../etc/passwd",
        "/etc/localtime",
        "EST5EDT\x00",
        "Etc/Unknown",
        "localtime",
        "Factory",
        "posixrules",
        "right/UTC",
        "a" * 5000,
    ],
)
def test_an_unknown_zone_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone") as raised:
        earliest(utc(2026, 1, 15), ["UTC", name], 8, 20)
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(("start", "end"), [(20, 8), (-1, 8), (8, 25), (24, 25)])
def test_hours_that_are_no_window_of_one_day_are_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="window"):
        earliest(utc(2026, 1, 15), ["UTC"], start, end)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        earliest(datetime(2026, 1, 15), ["UTC"], 8, 20)  # noqa: DTZ001 -- that is the point


@pytest.mark.parametrize("zones", [[], (), frozenset(), "UTC"])
def test_no_zones_are_refused_since_nobody_lives_nowhere(zones: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        earliest(utc(2026, 1, 15), zones, 8, 20)


def test_the_end_of_all_dates_is_no_crash() -> None:
    assert earliest(datetime.max.replace(tzinfo=UTC), ["Pacific/Pago_Pago"], 20, 21) is None


WEEKS = st.lists(
    st.tuples(st.integers(0, 24), st.integers(0, 24)).map(lambda hours: tuple(sorted(hours))),
    min_size=7,
    max_size=7,
).map(tuple)


@settings(max_examples=40, deadline=None)
@given(
    now=st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: utc(2026, 1, 1) + minutes * MINUTE),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
    week=WEEKS,
)
def test_windows_by_day_of_the_week_are_found_as_a_ticking_clock_finds_them_law21(
    now: datetime, zones: list[str], week: tuple[tuple[int, int], ...]
) -> None:
    def is_open_on(instant: datetime) -> bool:
        clocks = [instant.astimezone(ZoneInfo(zone)) for zone in zones]
        return all(week[at.weekday()][0] <= at.hour < week[at.weekday()][1] for at in clocks)

    minutes = (now + MINUTE * minute for minute in range(8 * 24 * 60))
    expected = next((minute for minute in minutes if is_open_on(minute)), None)
    found = earliest_in(now, zones, week)
    if expected is None:
        assert found is None or found - now >= timedelta(days=8)
        return
    assert found == expected
    end = closing(found, zones, week)
    assert found < end
    assert is_open_on(end - MINUTE)
    assert not is_open_on(end) or any(hours[1] == 24 for hours in week)
