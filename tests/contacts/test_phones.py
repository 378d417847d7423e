"""Any paste becomes one E.164 number or none, and never an error."""

from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from crm.contacts.phones import NO_PHONE, national, parse

PASTES = [
    "2125550102",
    "(212) 555-0102",
    "212.555.0102",
    "+1 212 555 0102",
    "1-212-555-0102",
    "tel:+1-212-555-0102",
    "212 555 0102 ext. 99",
    "+12125550102;ext=5",
    "Call me at 212 555 0102 after 5",
    "212-555-0102 (home)",
    "212 555 0102, 2125550102",
    "\t212\u00a0555\u20110102\r\n",
    "2125550102\x00",
    "\u200e212\u200b5550102\u202c",
    "２１２５５５０１０２",  # noqa: RUF001 -- full width, as pasted
    "٢١٢٥٥٥٠١٠٢",
]
IMPOSSIBLE = [
    "",
    " ",
    "\x00",
    "+",
    "no phone",
    "123",
    "911",
    "555-0102",
    "000 000 0000",
    "123 456 7890",
    "999 999 9999",
    "311 555 0102",
    "212 055 0102",
    "+1 212 555 010",
    "+1 212 555 01023",
    "+999 123 456 789",
    "9" * 300,
    "2125550102" + " " * 300,
    "212 555 0102 or 212 555 0103",
]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize("paste", PASTES)
def test_any_paste_of_one_number_is_that_number(paste: str) -> None:
    assert parse(paste, "US").e164 == "+12125550102"


@pytest.mark.parametrize("paste", IMPOSSIBLE)
def test_an_impossible_number_is_falsy_and_has_no_zones(paste: str) -> None:
    phone = parse(paste, "US")
    assert not phone
    assert phone == NO_PHONE
    assert (phone.e164, phone.zones) == (None, ())


@pytest.mark.parametrize(
    ("paste", "region", "e164"),
    [
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("0044 20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("020 7946 0018", "gb", "+442079460018"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("(555) 010-2408", "US", "+15550102408"),
        ("2125550102", "nowhere", None),
        ("+12125550102", "nowhere", "+12125550102"),
    ],
)
def test_the_region_is_assumed_only_where_no_country_is_given(
    paste: str, region: str, e164: str | None
) -> None:
    assert parse(paste, region).e164 == e164


def test_an_area_code_newer_than_the_metadata_is_not_refused() -> None:
    unassigned = phonenumbers.parse("+12375550102")
    assert not phonenumbers.is_valid_number(unassigned), "assigned meanwhile: take another"
    phone = parse("(237) 555-0102", "US")
    assert phone.e164 == "+12375550102"
    assert phone.zones == ()


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12125550102", ("America/New_York",)),
        ("+13105550102", ("America/Los_Angeles",)),
        ("+17875550100", ("America/Puerto_Rico",)),
        ("+442079460018", ("Europe/London",)),
        ("+18005550199", ()),  # toll-free
        ("+15005550006", ()),  # personal number
        ("+15550102408", ()),  # nobody's area code
        ("+80012345678", ()),  # international freephone
    ],
)
def test_zones_are_the_areas_and_empty_where_the_number_names_no_place(
    number: str, zones: tuple[str, ...]
) -> None:
    assert parse(number, "US").zones == zones


def test_a_mobile_of_a_wide_country_has_every_zone_of_it() -> None:
    assert {"Australia/Sydney", "Australia/Perth"} <= set(parse("+61412345678", "US").zones)


def test_every_zone_that_a_number_may_have_is_in_the_zone_database() -> None:
    for name in {name for names in TIMEZONE_DATA.values() for name in names}:
        assert ZoneInfo(name).key == name


@given(st.text(max_size=300), st.sampled_from([*REGIONS, "", "ZZ"]))
def test_nothing_that_is_typed_raises(text: str, region: str) -> None:
    phone = parse(text, region)
    assert bool(phone) == (phone.e164 is not None)


@given(st.text("0123456789+()-. x/;ext=٣３\x00", max_size=30), st.sampled_from(REGIONS))
def test_what_was_parsed_parses_to_itself_anywhere(text: str, region: str) -> None:
    phone = parse(text, region)
    if phone.e164 is not None:
        assert phone.e164[0] == "+"
        assert phone.e164[1:].isascii()
        assert phone.e164[1:].isdecimal()
        assert parse(phone.e164, "US") == parse(phone.e164, "ZZ") == phone
        assert parse(phone.e164, "US").zones == phone.zones


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_shown_can_be_pasted_back(region: str) -> None:
    number = phonenumbers.example_number(region)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert parse(national(e164, region), region).e164 == e164
    assert parse(national(e164, "US"), "US").e164 == e164


def test_numbers_are_shown_nationally_at_home_and_with_their_country_elsewhere() -> None:
    assert national("+12125550102", "US") == "(212) 555-0102"
    assert national("+15550102408", "us") == "(555) 010-2408"
    assert national("+12125550102", "CA") == "(212) 555-0102"
    assert national("+442079460018", "US") == "+44 20 7946 0018"
    assert national("short code", "US") == "short code"
