"""Leads are found by names, the last digits of phones and emails."""

import pytest

from pipelines.search.queries import SHOWN, find_leads
from tests.support.houses import House


def found(house: House, typed: str) -> list[str]:
    return [lead.name for lead in house.do(find_leads, typed)]


@pytest.mark.parametrize(
    "typed", ["0142", "555-0142", "(212) 555-0142", "jose", "obrien JO", "jose@brien.example"]
)
def test_somebody_is_found_by_what_one_has(house: House, typed: str) -> None:
    house.ask("+12125550142", name="José O'Brien", email="jose@brien.example")
    house.ask("+12125550199", name="Robin Vale")
    [lead] = house.do(find_leads, typed)
    assert (lead.name, lead.phone, lead.email) == (
        "José O'Brien",
        "+12125550142",
        "jose@brien.example",
    )
    assert (lead.stage, lead.is_open) == ("New", True)


@pytest.mark.parametrize("typed", ["", " ", "42", "x", "9999", "%", "zz jose"])
def test_what_nobody_has_finds_nobody(house: House, typed: str) -> None:
    house.ask("+12125550142", name="José O'Brien")
    assert found(house, typed) == []


def test_open_leads_come_first_then_the_latest(house: House) -> None:
    lost = house.ask("+12125550111", name="Ana One")
    house.ask("+12125550112", name="Ana Two")
    house.runtime.clock.advance(minutes=1)
    house.ask("+12125550113", name="Ana Three")
    house.move(lost, "Booked")
    house.runtime.clock.advance(minutes=1)
    assert found(house, "ana") == ["Ana Three", "Ana Two", "Ana One"]


def test_a_list_ends_somewhere(house: House) -> None:
    for number in range(SHOWN + 1):
        house.ask(f"+1212555{number:04d}", name="Ana Vale", consent=False)
    assert len(found(house, "ana")) == SHOWN


def test_the_neighbours_are_not_found(house: House, other_house: House) -> None:
    house.ask("+12125550142", name="Robin Vale")
    assert found(other_house, "0142") == []
    assert found(other_house, "robin") == []
