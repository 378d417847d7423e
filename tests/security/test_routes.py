"""Every route of the application: who may call it, and that no clinic reaches another's rows.

All of it is read from the application: a new route is covered the moment it is mounted, and a new
id without foreign ids to try fails here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text

from crm.accounts.models import Role
from crm.core import tenancy
from crm.core.models import metadata
from crm.core.runtime import Runtime
from tests.conftest import Drain
from tests.support.callers import Caller, told
from tests.support.houses import House, cheap_app, furnish
from tests.support.neighbours import (
    WORDS,
    every_id,
    everything,
    live_through,
    own_id,
    unknown_like,
)
from tests.support.routes import Route, routes_of

ROLES: tuple[Role, ...] = get_args(Role)

# Open to anybody: what is behind them is guarded by an unguessable key, a signature or a token.
PUBLIC = {
    "openapi",
    "healthz",
    "readyz",
    "metrics",
    "web:switch_language",
    "web:gallery",
    "accounts:sign_in",
    "try_to_sign_in",
    "accounts:reset",
    "reset_password",
    "intake:form",
    "intake:embed",
    "intake:embed_script",
    "intake:sent",
    "intake:send_form",
    "messaging:emails",
    "messaging:unsubscribe",
    "messaging:choose_emails",
    "webhooks:twilio_message",
    "webhooks:twilio_status",
    "webhooks:twilio_voice",
    "webhooks:twilio_recording",
    "webhooks:sendgrid_events",
}

# For everybody who is signed in, whatever his role: each is about the user's own login.
OWN = {
    "accounts:sign_out",
    "accounts:choose_clinic",
    "accounts:switch_clinic",
    "accounts:sessions",
    "accounts:end_session",
    "accounts:end_other_sessions",
    "accounts:live",
    "accounts:settings",
    "accounts:profile",
    "accounts:save_profile",
    "accounts:change_password",
    "accounts:theme",
}

STEP = 8

# Text in an address that is a key nobody guesses; whoever has it may use it.
KEYS = {"form_key", "token", "endpoint_key"}


@pytest.fixture
def app(runtime: Runtime) -> FastAPI:
    """The whole application."""
    return cheap_app(runtime)


@pytest.fixture
def routes(app: FastAPI) -> list[Route]:
    """All of its routes."""
    return routes_of(app)


@pytest.fixture
def house(runtime: Runtime, app: FastAPI, clinic: UUID, drain: Drain) -> Iterator[House]:
    """A clinic in which everything has happened once."""
    yield from _lived_in(furnish(runtime, app, clinic), drain)


@pytest.fixture
def other_house(
    runtime: Runtime, app: FastAPI, other_clinic: UUID, house: House, drain: Drain
) -> Iterator[House]:
    """Another one, with the same phones."""
    yield from _lived_in(furnish(runtime, app, other_clinic), drain)


def _lived_in(made: House, drain: Drain) -> Iterator[House]:
    made.set_clock("2027-02-02 13:00")
    live_through(made, drain)
    yield made
    made.close()


def test_the_routes_are_seen(routes: list[Route]) -> None:
    names = {route.name for route in routes}
    assert {"pipelines:lead", "pipelines:move_lead", "api:send_appointment_request"} <= names
    assert names >= PUBLIC | OWN


def test_each_route_is_public_opened_by_a_key_or_requires_a_role(routes: list[Route]) -> None:
    for route in routes:
        guards = [
            route.name in PUBLIC,
            route.name in OWN,
            route.is_by_key,
            route.roles is not None,
        ]
        assert guards.count(True) == 1, f"{route.method} {route.path} has guards {guards}"
        assert route.needs_login == (route.name in OWN or route.roles is not None), route.path


def test_what_is_no_id_in_an_address_is_a_key_or_a_known_word(routes: list[Route]) -> None:
    for route in routes:
        for param in route.of("path"):
            assert param.is_id or param.name in KEYS | WORDS.keys(), f"{route.path}: {param.name}"


def test_nobody_gets_in_unasked(house: House, routes: list[Route]) -> None:
    caller = Caller(house, "owner")
    before = everything(house)
    for route in routes:
        if route.name in PUBLIC:
            continue
        answer = house.visitor().request(
            route.method,
            caller.path(route, caller.own_ids(route)),
            headers={"Origin": "https://testserver"},
        )
        expected = {401, 403} if route.is_unsafe or route.is_by_key else {303}
        assert answer.status_code in expected, f"{route.method} {route.path}"
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/sign-in")
    assert everything(house) == before


def test_each_role_may_what_the_matrix_says_and_no_more(house: House, routes: list[Route]) -> None:
    for role in ROLES:
        caller = Caller(house, role)
        refused = 0
        for route in (one for one in routes if one.roles is not None):
            assert route.roles is not None
            answer = caller.call_signed_in(route, caller.own_ids(route))
            is_allowed = role in route.roles
            assert (answer.status_code != 403) == is_allowed, f"{role}: {route.method} {route.path}"
            assert answer.status_code < 500, f"{role}: {route.method} {route.path}"
            refused += not is_allowed
        assert refused or role in ("owner", "manager")


def test_unsafe_routes_refuse_what_none_of_our_pages_sent(
    house: House, routes: list[Route]
) -> None:
    caller = Caller(house, "owner")
    unsafe = [route for route in routes if route.is_unsafe and not route.is_cookieless]
    assert len(unsafe) > 5
    before = everything(house)
    for route in unsafe:
        path, body = caller.path(route, ids := caller.own_ids(route)), caller.body(route, ids)
        good = {"Sec-Fetch-Site": "same-origin"}
        attempts: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
            (body, good),
            ({**body, **caller.guards, "csrf_token": "0" * 64}, good),
            ({**body, **caller.guards}, {"Sec-Fetch-Site": "cross-site"}),
            ({**body, **caller.guards}, {"Origin": "https://evil.example"}),
            ({**body, **caller.guards}, {}),
        )
        for sent, headers in attempts:
            answer = caller.browser.request(route.method, path, data=sent, headers=headers)
            assert answer.status_code == 403, f"{route.path} took {sent.keys()} with {headers}"
    assert everything(house) == before


def test_no_key_opens_anything_by_a_cookie(house: House, routes: list[Route]) -> None:
    caller = Caller(house, "owner")
    for route in (one for one in routes if one.is_by_key):
        path = caller.path(route, caller.own_ids(route))
        for headers in ({}, {"Authorization": "Bearer fd_nonsense"}):
            answer = caller.browser.request(route.method, path, json={}, headers=headers)
            assert answer.status_code in (401, 403), route.path


def test_reading_changes_nothing(house: House, routes: list[Route]) -> None:
    caller = Caller(house, "owner")
    before = everything(house, "logins")
    for route in (one for one in routes if not one.is_unsafe):
        assert caller.call(route, caller.own_ids(route)).status_code < 500, route.path
    assert everything(house, "logins") == before


def test_own_ids_open_what_unknown_ones_do_not(house: House, routes: list[Route]) -> None:
    """Without this, a request that always fails would look as if it kept the clinics apart."""
    # An opt-out ends the texts of the very person that others are about.
    opens = [one for one in routes if one.ids("path")]
    for route in sorted(opens, key=lambda one: one.name == "pipelines:opt_out"):
        caller = Caller(house, "owner")
        own = caller.own_ids(route)
        unknown = {**own, **{param.name: str(uuid4()) for param in route.ids("path")}}
        assert caller.call(route, unknown).status_code == 404, route.path
        # 409: it is known, and not as the sample has it.
        assert caller.call(route, own).status_code in (200, 202, 303, 409), route.path


@pytest.mark.parametrize("walls", ["both", "the first", "the second"])
def test_another_clinics_ids_are_unknown(
    walls: str,
    house: House,
    other_house: House,
    routes: list[Route],
    owner_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = list(every_id(other_house).values())
    before = everything(other_house)
    callers = [Caller(house, role) for role in (ROLES if walls == "both" else ("owner",))]
    params = [
        (route, param)
        for route in routes
        for place in ("path", "query", "body")
        for param in route.ids(place)
    ]
    # A key becomes the id of what is made with it: from then on that id is the caller's own, too.
    params.sort(key=lambda tried: tried[1].name == "key")
    with _only(walls, owner_url, monkeypatch):
        for number, (route, param) in enumerate(params):
            foreign = own_id(other_house, param.name)
            assert foreign is not None, f"{route.path}: no foreign ids for {param.name}"
            assert own_id(house, param.name), f"{route.path}: {param.name}"
            # Whom the matrix shuts out is answered before any id is read.
            allowed = [one for one in callers if route.roles is None or one.role in route.roles]
            for caller in allowed:
                # Each kind of id is tried somewhere where another kind belongs.
                others = kinds[number::STEP] if walls == "both" and caller.role == "owner" else []
                _try(caller, route, param.place, param.name, [foreign, *others])
    assert everything(other_house) == before


def _try(caller: Caller, route: Route, place: str, name: str, foreign: list[str]) -> None:
    own = caller.own_ids(route)
    for known in dict.fromkeys(foreign):
        answers = []
        for tried in (known, unknown_like(known)):
            query = {name: tried} if place == "query" else {}
            ids = own if place == "query" else {**own, name: tried}
            answers.append(told(caller.call(route, ids, query), [tried]))
        assert answers[0] == answers[1], f"{caller.role}: {route.method} {route.path} {name}"
        assert answers[0][0] != 500


@contextmanager
def _only(walls: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the other wall down: the guard of the session, or the policies of the tables."""
    if walls == "the first":
        engine = create_engine(owner_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name, table in metadata.tables.items():
                if "clinic_id" in table.columns and name != "doors":
                    connection.execute(text(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"))
        engine.dispose()
    if walls == "the second":
        monkeypatch.setattr(tenancy, "guard", lambda *arguments: None)
    yield
