"""Pages under odd forms and addresses: every answer is one of ours, never a server error."""

import os
import string
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.callers import Caller
from tests.support.houses import House
from tests.support.routes import Route, routes_of

EXAMPLES = 25
CALM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)

ODD = st.sampled_from(
    [
        *("", " ", "0", "-1", "1e999", "NaN", "null", "undefined", "[]", "{}", "true", "\u202e"),
        *(
            "\x00",
            "\ufffd",
            "\r\nSet-Cookie: x=1",
            "../../etc/passwd",
            "%00",
            "%ff",
            "\U0001f600",
        ),
        *("' OR 1=1 --", "{{7*7}}", "<script>alert(1)</script>", "//evil.example", "\\\\evil"),
        *("javascript:alert(1)", "9" * 400, "x" * 3000, "https://evil.example/", "2027-02-30"),
    ]
)
WORDS = st.one_of(
    ODD,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.uuids().map(str),
    st.integers().map(str),
)
NAMES = st.text(string.ascii_lowercase + "_[].", min_size=1, max_size=12)


def fields_of(route: Route, place: str) -> st.SearchStrategy[dict[str, str]]:
    """Return dictionaries of a route's own fields and of some that it does not have."""
    known = [param.name for param in route.params if param.place == place]
    names = st.one_of(st.sampled_from(known), NAMES) if known else NAMES
    return st.dictionaries(names, WORDS, max_size=6)


def assert_ours(answer: Any, told: str) -> None:
    """Check that an answer is one of ours, leads nowhere else and runs nothing."""
    assert answer.status_code < 500, told
    location = answer.headers.get("location", "/")
    assert location.startswith("/"), f"{told} leads to {location}"
    assert not location.startswith(("//", "/\\")), f"{told} leads to {location}"
    assert "set-cookie" not in answer.headers or "x=1" not in answer.headers["set-cookie"], told
    assert "<script>alert" not in answer.text, told
    assert "Traceback" not in answer.text, told


@pytest.mark.parametrize("share", range(2))
def test_odd_queries_and_forms_are_answered(house: House, share: int) -> None:
    caller = Caller(house, "owner")
    routes = [one for one in routes_of(house.app) if one.name not in ("metrics", "readyz")]
    assert len(routes) > 15
    for route in routes[share::2]:
        _attack(caller, route)


def _attack(caller: Caller, route: Route) -> None:
    own = caller.own_ids(route)

    @CALM
    @given(
        query=fields_of(route, "query"), body=fields_of(route, "body"), odd=ODD, mixed=st.booleans()
    )
    def attack(query: dict[str, str], body: dict[str, str], odd: str, mixed: bool) -> None:
        address = caller.path(route, own)
        if mixed and own and route.of("path"):
            address = caller.path(route, {**own, route.of("path")[0].name: quote(odd, safe="")})
        told = f"{route.method} {address} {query} {body}"
        if not route.is_unsafe:
            assert_ours(caller.browser.request(route.method, address, params=query), told)
            return
        good = caller.body(route, own) if mixed and route.name != "intake:send_form" else {}
        sent = {**caller.guards, **{k: str(v) for k, v in good.items()}, **body}
        headers = {"Sec-Fetch-Site": "same-origin", "Authorization": ""}
        ip = f"198.51.{uuid4().int % 250}.{os.getpid() % 250}"
        browser = caller.house.visitor(ip) if route.is_cookieless else caller.browser
        assert_ours(
            browser.request(route.method, address, params=query, data=sent, headers=headers), told
        )

    attack()


def test_a_sign_in_leads_to_no_other_site(house: House) -> None:
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "\t//evil.example"):
        answer = house.visitor().sign_in("nobody@x.example", "wrong password", next=path)
        assert "evil.example" not in answer.headers.get("location", "")
        caller = Caller(house, "front_desk")
        moved = caller.browser.get("/sign-in", params={"next": path})
        assert moved.status_code == 303
        assert moved.headers["location"] == "/"
