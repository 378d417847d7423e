"""The hours of the law and of the states, as data; ours lie inside of them (LAW-20, LAW-21)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from phonenumbers import PhoneNumber, geocoder

from crm.compliance.area_codes import STATES_OF
from crm.compliance.gate import Allow, Defer, Facts, decide
from crm.compliance.windows import (
    DEFAULT_END_HOUR,
    DEFAULT_START_HOUR,
    FEDERAL,
    STATE_WINDOWS,
    states_of,
    week,
)

NAMES = {
    **{"CT": "Connecticut", "FL": "Florida", "MD": "Maryland", "MS": "Mississippi"},
    **{"NJ": "New Jersey", "OK": "Oklahoma", "OR": "Oregon", "RI": "Rhode Island"},
    **{"TX": "Texas", "WA": "Washington State"},
}
NEWER = {"471": "MS", "621": "TX"}
"""Overlays that the library's places do not name yet."""

HOUSTON, HARTFORD, PROVIDENCE, MIAMI, NEW_YORK = (
    f"+1{code}5550142" for code in ("713", "860", "401", "305", "212")
)
ZONES = {HOUSTON: "America/Chicago"}


def _marketing(phone: str, local: str, **more: object) -> Facts:
    """Return the facts of a text that sells, at this local time of its recipient."""
    zone = ZONES.get(phone, "America/New_York")
    now = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    usual = {
        "communication_id": UUID(int=1),
        "now": now,
        "message_class": "marketing",
        "created_at": now,
        "zones": (zone,),
        "states": states_of(phone),
        "tier": "written",
    }
    return Facts(**{**usual, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("state", sorted(STATE_WINDOWS))
def test_ours_lies_inside_the_hours_of_every_state_for_texts_that_sell(state: str) -> None:
    ours = week((state,), DEFAULT_START_HOUR, DEFAULT_END_HOUR)
    for day, (start, end) in enumerate(ours):
        for lawful in (STATE_WINDOWS[state][day], FEDERAL[day], (8, 20)):
            assert start == end or lawful[0] <= start < end <= lawful[1]


@pytest.mark.parametrize(("start", "end"), [(0, 24), (6, 22), (8, 20), (10, 16)])
def test_no_clinic_can_widen_the_federal_hours(start: int, end: int) -> None:
    for day in week((), start, end):
        assert day == (max(start, 8), min(end, 21))


def test_hours_that_have_nothing_in_common_are_closed() -> None:
    assert week(("CT",), 8, 9) == ((0, 0),) * 7
    assert week(("RI",), 8, 20)[6] == (0, 0)


def test_the_area_codes_are_those_that_the_library_knows() -> None:
    found = {}
    for code in range(201, 990):
        number = PhoneNumber(country_code=1, national_number=code * 10_000_000 + 5_550_142)
        found[str(code)] = geocoder.description_for_valid_number(number, "en")
    named = {name: state for state, name in NAMES.items()}
    theirs = {
        code: named.get(place) or place.rpartition(", ")[2]
        for code, place in found.items()
        if place in named or place.rpartition(", ")[2] in NAMES
    }
    assert {code: STATES_OF[code] for code in theirs} == {c: (s,) for c, s in theirs.items()}
    for code in STATES_OF.keys() - theirs.keys():
        assert STATES_OF[code] == (NEWER[code],)


def test_a_number_tells_its_state_where_its_hours_differ() -> None:
    assert states_of(HOUSTON) == ("TX",)
    assert states_of(MIAMI) == ("FL",)
    assert states_of(NEW_YORK) == states_of("+18005550142") == states_of("+447135550142") == ()


@pytest.mark.parametrize(
    ("phone", "local", "may"),
    [
        (HARTFORD, "2026-11-24 08:30", False),
        (HARTFORD, "2026-11-24 09:00", True),
        (HOUSTON, "2026-11-28 09:00", True),  # a Saturday
        (HOUSTON, "2026-11-29 11:59", False),  # the Sunday after it
        (HOUSTON, "2026-11-29 12:00", True),
        (HOUSTON, "2026-11-24 20:30", False),
        (PROVIDENCE, "2026-11-24 17:58", True),
        (PROVIDENCE, "2026-11-24 18:00", False),
        (PROVIDENCE, "2026-11-29 12:00", False),
        (MIAMI, "2026-11-24 08:00", True),
        (NEW_YORK, "2026-11-29 08:00", True),
    ],
)
def test_a_text_that_sells_keeps_to_the_states_hours(phone: str, local: str, may: bool) -> None:
    known = _marketing(phone, local)
    assert isinstance(decide(known), Allow if may else Defer)


def test_care_keeps_to_ours() -> None:
    known = _marketing(HARTFORD, "2026-11-24 08:30", message_class="care", tier="express")
    assert decide(known) == Allow()


def test_a_text_held_on_a_saturday_waits_for_monday_where_sunday_is_closed() -> None:
    decision = decide(_marketing(PROVIDENCE, "2026-11-28 17:30"))
    assert isinstance(decision, Defer)
    monday = datetime(2026, 11, 30, 9, tzinfo=ZoneInfo("America/New_York"))
    assert timedelta() <= decision.until - monday < timedelta(minutes=15)
