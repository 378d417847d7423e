"""How times, phones and money are written, in the language of the request (ui.md, Formats)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from datetime import time as TimeOfDay
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date, format_datetime, format_time, get_day_names
from babel.lists import format_list
from babel.numbers import format_compact_currency, format_currency, format_decimal
from babel.units import format_unit
from markupsafe import Markup
from phonenumbers import NumberParseException, PhoneNumberFormat

from crm.web.language import _, current_language

COMPACT_FROM = 10_000_00  # minor units

DUE_SOON = 120
"""Seconds: when less than these are left, a clock says so."""

# (clock, weekday and clock, day, day and year, everything), in CLDR patterns.
_PATTERNS = {
    "en": ("h:mm a", "EEE h:mm a", "MMM d", "MMM d, y", "EEEE, MMMM d, y, h:mm a"),
    "es": ("H:mm", "EEE H:mm", "d MMM", "d MMM y", "EEEE, d 'de' MMMM 'de' y, H:mm"),
}


def short_time(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return "10:42 am" today, "Tue 4:05 pm" this week, "Nov 20" this year, else "Nov 20, 2025"."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    clock, weekday, day, year, _whole = _PATTERNS[current_language()]
    if local.date() == today.date():
        pattern = clock
    elif local.isocalendar()[:2] == today.isocalendar()[:2]:
        pattern = weekday
    else:
        pattern = day if local.year == today.year else year
    return _formatted(local, pattern)


def short_day(day: date, today: date) -> str:
    """Return "Today", "Tomorrow", "Yesterday", "Friday" of the coming days, else "Nov 20"."""
    days = (day - today).days
    near = {-1: _("Yesterday"), 0: _("Today"), 1: _("Tomorrow")}
    if days in near:
        return near[days]
    locale = current_language()
    if 1 < days < 7:
        name: str = get_day_names(locale=locale)[day.weekday()]
        return name[0].upper() + name[1:]
    pattern = _PATTERNS[locale][2 if day.year == today.year else 3]
    return str(format_date(day, pattern, locale=locale))


def whole_day(day: date) -> str:
    """Return "Fri, Dec 25, 2026"."""
    locale = current_language()
    return str(format_date(day, f"EEE, {_PATTERNS[locale][3]}", locale=locale))


def clock_time(moment: datetime, zone: ZoneInfo) -> Markup:
    """Return a <time> element of the clock alone, for what stands below its day."""
    local = moment.astimezone(zone)
    return _time_element(local, _formatted(local, _PATTERNS[current_language()][0]))


def day(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return "Today", "Yesterday", "Friday, Nov 20" this year, else "Nov 20, 2025"."""
    local, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    if local == today:
        return _("Today")
    if local == today - timedelta(days=1):
        return _("Yesterday")
    pattern = _PATTERNS[current_language()][3]
    if local.year == today.year:
        pattern = f"EEEE, {_PATTERNS[current_language()][2]}"
    return format_date(local, pattern, locale=current_language())


def moment_ahead(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return "8:00 am" today, "tomorrow 8:00 am", else "Fri, Nov 27, 8:00 am"."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    written = _formatted(local, _PATTERNS[current_language()][0])
    if local.date() == today:
        return written
    if local.date() == today + timedelta(days=1):
        return _("tomorrow %(time)s", time=written)
    return f"{_formatted(local, f'EEE, {_PATTERNS[current_language()][2]}')}, {written}"


def exact_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return the whole date and time with the zone's short name."""
    local = moment.astimezone(zone)
    return f"{_formatted(local, _PATTERNS[current_language()][4])} {local.tzname()}"


def when(moment: datetime, zone: ZoneInfo | str, now: datetime) -> Markup:
    """Return a <time> element: short on the page, exact in its title; `moment` must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")
    place = ZoneInfo(zone) if isinstance(zone, str) else zone
    return _time_element(moment.astimezone(place), short_time(moment, place, now))


def _time_element(local: datetime, written: str) -> Markup:
    place = local.tzinfo
    assert isinstance(place, ZoneInfo)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), exact_time(local, place), written
    )


def span(days: int = 0, hours: int = 0, minutes: int = 0) -> str:
    """Return "1 day, 2 hours, and 30 minutes"; hours are not made days, which may be shorter."""
    parts = (("day", days), ("hour", hours + minutes // 60), ("minute", minutes % 60))
    locale = current_language()
    told = [format_unit(count, f"duration-{unit}", locale=locale) for unit, count in parts if count]
    return format_list(told, locale=locale)


def time_left(seconds: int) -> str:
    """Return "6:36" of less than an hour, "2 h 5 m" of less than two days, else "3 d".

    Of less than nothing it is "late 6:36".
    """
    patterns, some = clock_patterns(), abs(seconds)
    if some < 3600:
        time = f"{some // 60}:{some % 60:02}"
    elif some < 2 * 86_400:
        time = patterns["hours"].format(hours=some // 3600, minutes=some % 3600 // 60)
    else:
        time = patterns["days"].format(days=some // 86_400)
    return patterns["late"].format(time=time) if seconds < 0 else time


def clock_patterns() -> dict[str, str]:
    """Return how `time_left` is written, for the script that lets clocks run (clock.js)."""
    return {
        "late": _("late {time}"),
        "hours": _("{hours} h {minutes} m"),
        "days": _("{days} d"),
    }


def clock(time: TimeOfDay, weekday: int | None = None) -> str:
    """Return "9:30 am", or "Monday 9:30 am" with a weekday, which counts from Monday as 0."""
    locale = current_language()
    written = _shortened(format_time(time, _PATTERNS[locale][0], locale=locale))
    return written if weekday is None else f"{get_day_names(locale=locale)[weekday]} {written}"


def any_of(words: Iterable[str]) -> str:
    """Return "this, that, or those"."""
    return format_list(list(words), style="or", locale=current_language())


def all_of(words: Iterable[str]) -> str:
    """Return "this, that, and those"."""
    return format_list(list(words), locale=current_language())


def phone(e164: str, region: str = "US") -> str:
    """Return "(555) 010-2408" for a number of the clinic's region, else the international form."""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    is_national = number.country_code == phonenumbers.country_code_for_region(region)
    style = PhoneNumberFormat.NATIONAL if is_national else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name: "AM", "J", or "?"."""
    words = [word for word in name.split() if word[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [word[0] for word in words]
    return "".join(letters).upper() or "?"


def money_locale() -> str:
    """Return how amounts are written and read: "4,800.50" in either language, as in the US.

    Somebody who reads Spanish and types "4,800" means no $4.80.
    """
    return f"{current_language()}_US"


def money(minor: int, currency: str = "USD") -> str | Markup:
    """Return "$4,800", cents only where there are some; from $10,000 compact, exact on hover."""
    return _money(minor, currency, money_locale())


@lru_cache(maxsize=2_000)
def _money(minor: int, currency: str, locale: str) -> str | Markup:
    major = Decimal(minor) / 100
    exact = format_currency(
        major, currency, f"¤{_digits(minor)}", locale=locale, currency_digits=False
    )
    if abs(minor) < COMPACT_FROM:
        return exact
    short = format_compact_currency(major, currency, locale=locale, fraction_digits=0)
    return Markup('<span title="{}">{}</span>').format(exact, short)


def amount(minor: int) -> str:
    """Return an amount as it is typed: "4,800" or "4,800.50", without its currency."""
    return format_decimal(Decimal(minor) / 100, _digits(minor), locale=money_locale())


def small_money(major: Decimal, currency: str = "USD") -> str:
    """Return a price of cents and their parts: "$0.0083", "$0.02"."""
    return format_currency(major, currency, "¤0.00##", locale=money_locale(), currency_digits=False)


def _digits(minor: int) -> str:
    return "#,##0" if minor % 100 == 0 else "#,##0.00"


def _formatted(local: datetime, pattern: str) -> str:
    return _shortened(format_datetime(local, pattern, locale=current_language()))


def _shortened(written: str) -> str:
    return written.replace("AM", "am").replace("PM", "pm")
