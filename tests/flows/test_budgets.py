"""What a page may ask: few queries, and not one more for each row that it shows."""

import re

import pytest
from fastapi import FastAPI
from httpx2 import Response

from tests.conftest import Drain
from tests.support.callers import Caller
from tests.support.houses import House
from tests.support.neighbours import live_through
from tests.support.routes import Route, routes_of

MOST = 6
"""Queries of a page, with the one that finds out who is signed in."""

QUERIES = re.compile(r'db;dur=[\d.]+;desc="(\d+) quer')


@pytest.fixture
def caller(house: House, drain: Drain) -> Caller:
    """An owner, whom every page is shown, of a clinic where everything has happened once."""
    live_through(house, drain)
    return Caller(house, "owner")


@pytest.fixture
def pages(app: FastAPI) -> list[Route]:
    """Every page and every part of one that a signed-in user reads."""
    return [route for route in routes_of(app) if route.method == "GET" and route.needs_login]


def counted(caller: Caller, pages: list[Route]) -> dict[str, int]:
    """Return how often each page asks the database."""
    found = {}
    for page in pages:
        ids = caller.own_ids(page)
        answers = [caller.call(page, ids) for _ in range(3)]
        if all(_is_html(answer) for answer in answers):
            # Keys are unwrapped once a process, and now and then a login is noted as used.
            found[page.name] = min(_queries(answer) for answer in answers)
    return found


def _is_html(answer: Response) -> bool:
    return answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def _queries(answer: Response) -> int:
    told = QUERIES.search(answer.headers["server-timing"])
    assert told is not None
    return int(told[1])


def test_no_page_asks_more_than_it_may(caller: Caller, pages: list[Route]) -> None:
    found = counted(caller, pages)

    assert {"pipelines:pipeline", "pipelines:lead", "pipelines:stage"} <= found.keys()
    assert {name: count for name, count in found.items() if count > MOST} == {}


def test_no_page_asks_once_a_row(
    caller: Caller, pages: list[Route], house: House, drain: Drain
) -> None:
    go_through(house, drain, "+12125550130", times=1)
    before = counted(caller, pages)

    for number in range(1, 4):
        go_through(house, drain, f"+1212555013{number}", times=3)

    assert counted(Caller(house, "owner"), pages) == before


def go_through(house: House, drain: Drain, phone: str, times: int) -> None:
    """Let somebody ask and write so many times, and be moved to and fro."""
    for _ in range(times):
        lead_id = house.ask(phone, name="Casey Vale")
        drain()
        house.move(lead_id, "Contacted")
        house.receive("Hello", phone=phone)
        drain()
        house.move(lead_id, "New")
