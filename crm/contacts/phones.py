"""Phone numbers: any paste in, E.164 out, with the zones in which its owner plausibly is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category, normalize

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, timezone
from phonenumbers.tzdata import TIMEZONE_DATA

LONGEST_PASTE = 250
"""Longer input is no phone number; phonenumbers itself draws the line here."""

_NORTH_AMERICA = 1
_ALL_OF_NORTH_AMERICA = frozenset(TIMEZONE_DATA[str(_NORTH_AMERICA)])
_NOT_A_PLACE = frozenset({timezone.UNKNOWN_TIMEZONE})

# The numbering plan's own shape: no area code has 9 as its second digit (kept for its expansion)
# or is N11, and no exchange begins with 0 or 1. Area code 555 belongs to nobody and is what
# examples and demonstrations use, so its exchange may be anything.
_NORTH_AMERICAN = re.compile(r"(?!.11)(?:555\d{7}|[2-9][0-8]\d[2-9]\d{6})")


@dataclass(frozen=True, slots=True)
class Phone:
    """A parsed phone number; falsy, with `e164` None and no zones, where there is none.

    `zones` are the IANA zones of the number's area in alphabetical order. They are empty where the
    number names no place: toll-free, non-geographic or all of North America (LAW-23).
    """

    e164: str | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        """The IANA zones of the number's area."""
        return zones_of(self.e164) if self.e164 else ()

    def __bool__(self) -> bool:
        return self.e164 is not None


NO_PHONE = Phone()


def parse(text: str, region: str) -> Phone:
    """Parse whatever was typed or pasted; never raises, and an impossible number is falsy.

    `region` is the ISO country assumed for numbers without a country code. An extension is
    dropped, since neither a text nor an E.164 number carries one. Text that holds two different
    numbers gives none: nobody can say which one was meant.
    """
    if len(text) > LONGEST_PASTE:
        return NO_PHONE
    cleaned = _clean(text)
    found = next(_readings(cleaned, region.upper()), None)
    if found is None:
        return NO_PHONE
    return Phone(_e164(found))


def national(e164: str, region: str) -> str:
    """Format a number for people of `region`: "(212) 555-0102" at home, "+44 20 7946 0018" else."""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    home = phonenumbers.country_code_for_region(region.upper())
    style = PhoneNumberFormat.NATIONAL
    if number.country_code != home:
        style = PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def _clean(text: str) -> str:
    """Fold full-width and other compatibility forms; control and invisible characters separate."""
    folded = normalize("NFKC", text)
    return "".join(" " if category(char)[0] in "CZ" else char for char in folded).strip()


def _readings(text: str, region: str) -> Iterator[PhoneNumber]:
    """Yield the plausible readings of the text, the most literal first."""
    for literal in (text, f"+{text[2:]}" if text.startswith("00") else ""):
        number = _read(literal, region)
        if number is not None and _is_plausible(number):
            yield number
    matches = phonenumbers.PhoneNumberMatcher(text, region)
    inside = {_e164(match.number): match.number for match in matches}
    if len(inside) == 1:
        yield from inside.values()


def _read(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _is_plausible(number: PhoneNumber) -> bool:
    """Tell whether it can be dialled; a new area code must not cost a lead.

    North America opens area codes faster than metadata is updated, so there the plan's shape is
    enough. Elsewhere the metadata decides.
    """
    if phonenumbers.is_valid_number(number):
        return True
    if number.country_code != _NORTH_AMERICA:
        return False
    significant = phonenumbers.national_significant_number(number)
    return _NORTH_AMERICAN.fullmatch(significant) is not None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@lru_cache(maxsize=65_536)
def zones_of(e164: str) -> tuple[str, ...]:
    """Return the zones of a number in E.164, as `Phone.zones` does."""
    zones = frozenset(timezone.time_zones_for_number(phonenumbers.parse(e164, None)))
    if zones == _ALL_OF_NORTH_AMERICA:
        return ()
    return tuple(sorted(zones - _NOT_A_PLACE))
