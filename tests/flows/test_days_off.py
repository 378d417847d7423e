"""The clinic's days off are set on a page, by management, and sequences pass them over."""

from datetime import date

import pytest
from sqlmodel import col

from crm.accounts.actions.days_off import add_days_off, days_off
from crm.accounts.models import Clinic, Role
from crm.core.errors import Invalid
from tests.conftest import Drain
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import ASKS, only
from tests.support.houses import House

PAGE = "/settings/days-off"


def closed(house: House) -> list[str]:
    """Return the clinic's days off as they are kept."""
    [clinic] = house.do(
        lambda uow: uow.session.query(Clinic).filter(col(Clinic.id) == house.clinic).all()
    )
    return clinic.closed_on


def add(house: House, first: str, last: str = "", role: Role = "manager") -> int:
    """Add days on the page, as it is without scripts; return the status."""
    browser = house.signed_in(role)
    start = PAGE if role in ("manager", "owner") else "/pipeline"
    return browser.submit(start, PAGE, first=first, last=last).status_code


def test_days_are_added_shown_as_spans_and_removed(house: House) -> None:
    assert add(house, "2027-12-24", "2027-12-26") == 303
    assert add(house, "2027-05-31") == 303
    assert closed(house) == ["2027-05-31", "2027-12-24", "2027-12-25", "2027-12-26"]
    page = house.page(PAGE, "owner")
    assert "Mon, May 31, 2027" in page
    assert "Fri, Dec 24, 2027 to Sun, Dec 26, 2027" in page

    browser = house.signed_in("manager")
    days = {"first": "2027-12-24", "last": "2027-12-26"}
    assert browser.submit(PAGE, f"{PAGE}/remove", **days).status_code == 303

    assert closed(house) == ["2027-05-31"]


def test_days_that_meet_are_one_span_and_those_that_are_over_are_forgotten(house: House) -> None:
    add(house, "2027-02-03")
    add(house, "2027-02-05", "2027-02-06")
    add(house, "2027-02-04", "2027-02-05")
    [span] = house.do(days_off)
    assert (span.first, span.last) == (date(2027, 2, 3), date(2027, 2, 6))

    house.set_clock("2027-02-06 10:00")
    add(house, "2027-03-01")

    assert closed(house) == ["2027-02-06", "2027-03-01"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2027-05-02", "2027-05-01", "The last day comes before the first."),
        ("2027-05-01", "2027-09-01", "At most 100 days at once."),
        ("2027-02-01", "", "Choose a day within three years from today."),
        ("2031-02-01", "", "Choose a day within three years from today."),
    ],
)
def test_what_cannot_be_is_refused_and_stays_typed(
    house: House, first: str, last: str, said: str
) -> None:
    answer = house.signed_in("manager").submit(PAGE, PAGE, first=first, last=last)

    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{first}"' in answer.text
    assert closed(house) == []


def test_no_day_at_all_is_refused(house: House) -> None:
    assert add(house, "") == 422
    assert add(house, "soon") == 422


@pytest.mark.parametrize("role", ["front_desk", "marketer", "provider"])
def test_others_neither_see_nor_change_them(house: House, role: Role) -> None:
    assert house.signed_in(role).get(PAGE).status_code == 403
    assert add(house, "2027-05-31", role=role) == 403
    assert closed(house) == []


def test_one_clinics_days_are_not_anothers(house: House, other_house: House) -> None:
    add(house, "2027-05-31")

    assert closed(other_house) == []


def test_a_wait_for_a_working_day_passes_a_day_off_over(house: House, drain: Drain) -> None:
    wait = {"kind": "wait_until", "time": "09:30", "business_days": True}
    publish(house, "Waits", ASKS, wait, TEXT)
    only(house, "Waits")
    # Today is a Tuesday.
    add(house, "2027-02-03", "2027-02-04")
    house.ask()
    drain()

    [one] = house.enrollments("Waits")
    assert one.due_at is not None
    assert f"{one.due_at:%Y-%m-%d}" == "2027-02-05"


def test_the_last_day_may_be_a_hundred_days_on_and_no_more(house: House) -> None:
    house.do(add_days_off, date(2027, 3, 1), date(2027, 6, 8))
    assert len(closed(house)) == 100

    with pytest.raises(Invalid):
        house.do(add_days_off, date(2027, 3, 1), date(2027, 6, 9))
