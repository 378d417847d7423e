"""What a good password is, and the links that set one (SEC-3)."""

from collections.abc import Callable
from uuid import UUID

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import select

from crm.accounts import cli
from crm.accounts.actions import make_reset_link
from crm.accounts.models import User
from crm.accounts.passwords import Passwords, check_rules
from crm.core.clock import Clock
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import (
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Browser,
    CountingHasher,
    People,
)

NAMES = ["Kim Weaver", "kim@riverside.example", "Riverside Dental"]


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "x7Rq9 Lw2 Pz5 mN8",
        "señora gansa vuela al río",
        "пять тёплых облаков летят",
        "kim has nine purple umbrellas",
        "a" + "long sentence that goes on, " * 6,
    ],
)
def test_long_and_own_is_good(password: str) -> None:
    check_rules(password, NAMES)


@pytest.mark.parametrize(
    "password",
    [
        "short but good",
        "fourteen chars",
        "passwordpassword",
        "Password12345678!",
        "123456789012345678",
        "qwertyuiopasdfghjkl",
        "aaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababab",
        "correcthorsebatterystaple",
        "iloveyou iloveyou iloveyou",
        "riverside dental kim",
        "KimWeaver@Riverside1",
        "x" * 2000,
    ],
)
def test_short_common_or_made_of_names_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_rules(password, NAMES)

    assert caught.value.field == "password"


def test_production_hashes_with_argon2id_at_full_cost() -> None:
    hashed = Passwords().hash(PASSWORD)

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_two_ways_to_type_a_letter_are_one_password() -> None:
    passwords = Passwords(CountingHasher())
    hashed = passwords.hash("cafe\N{COMBINING ACUTE ACCENT} olé seventeen")

    assert passwords.verify("caf\N{LATIN SMALL LETTER E WITH ACUTE} olé seventeen", hashed)


def test_a_blank_at_an_end_belongs_to_the_password(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic, password=f" {PASSWORD}")

    assert browser.sign_in(password=PASSWORD).status_code == 422
    assert browser.sign_in(password=f" {PASSWORD}").status_code == 303


def test_a_hash_of_older_parameters_is_renewed_at_sign_in(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    older = Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.session.scalars(select(User)).one().password_hash = older

    assert browser.sign_in().status_code == 303

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert "t=1" in (uow.session.scalars(select(User)).one().password_hash or "")


def link(runtime: Runtime, email: str = EMAIL) -> str:
    made = cli.password_reset_link(runtime.database, email=email, base_url="https://testserver")
    return made.removeprefix("https://testserver")


def test_a_link_sets_the_password_once(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic, password=None)
    path = link(runtime)
    assert browser.get(path).status_code == browser.get(path).status_code == 200
    guards = browser.guards(path)

    answer = browser.post_form(path, guards, password=OTHER_PASSWORD)

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert browser.post_form(path, guards, password=PASSWORD).status_code == 404
    assert browser.get(path).status_code == 404
    assert browser.sign_in(password=PASSWORD).status_code == 422
    assert browser.sign_in(password=OTHER_PASSWORD).status_code == 303
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        made, changed = (
            audit_entries(uow, actions=["password.changed"]),
            audit_entries(uow, actions=["password.reset_link_made"]),
        )
    assert (len(made), len(changed)) == (1, 1)


def test_a_link_is_open_for_an_hour(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime, clock: Clock
) -> None:
    people.add(clinic)
    path = link(runtime)
    guards = browser.guards(path)

    clock.advance(minutes=60)

    assert browser.get(path).status_code == 404
    assert browser.post_form(path, guards, password=OTHER_PASSWORD).status_code == 404
    assert browser.sign_in(password=PASSWORD).status_code == 303


def test_a_bad_password_leaves_the_link_good(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    path = link(runtime)

    answer = browser.submit(path, path, password="Riverside Dental")

    assert answer.status_code == 422
    assert "clinic&#39;s name" in answer.text
    assert "Riverside Dental" not in answer.text
    assert browser.submit(path, path, password=OTHER_PASSWORD).status_code == 303


def test_a_new_password_ends_logins_and_links_in_every_clinic(
    new_browser: Callable[..., Browser],
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    runtime: Runtime,
) -> None:
    user = people.add(clinic)
    people.add(other_clinic, password=None)
    browsers = [new_browser(), new_browser()]
    for browser, place in zip(browsers, (clinic, other_clinic), strict=True):
        browser.sign_in()
        browser.submit("/probe", "/switch-clinic", clinic_id=str(place))
        assert browser.guards("/probe")["page_clinic_id"] == str(place)
    links = []
    for place in (clinic, other_clinic):
        with runtime.database.transaction(place, SYSTEM) as uow:
            links.append(make_reset_link(uow, user, ""))

    fresh = new_browser()
    assert fresh.submit(links[0], links[0], password=OTHER_PASSWORD).status_code == 303

    assert [browser.get("/probe").status_code for browser in browsers] == [303, 303]
    assert fresh.get(links[1]).status_code == 404


def test_who_left_or_is_disabled_gets_no_link(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID, runtime: Runtime
) -> None:
    user = people.add(clinic)
    path = link(runtime)
    with runtime.database.transaction(other_clinic, SYSTEM) as uow, pytest.raises(NotFound):
        make_reset_link(uow, user, "")

    cli.user_disable(runtime.database, email=EMAIL)

    assert browser.get(path).status_code == 404
    with pytest.raises(Conflict):
        link(runtime)
    with pytest.raises(NotFound):
        link(runtime, "nobody@riverside.example")


def test_adding_a_user_twice_changes_nothing(
    people: People, clinic: UUID, runtime: Runtime
) -> None:
    first = people.add(clinic)

    assert people.add(clinic) == first
    with pytest.raises(Conflict):
        people.add(clinic, role="manager")
    with pytest.raises(Invalid, match="account already"):
        people.add(clinic, password=OTHER_PASSWORD)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert len(audit_entries(uow, actions=["member.added"])) == 1


@pytest.mark.parametrize("email", ["", "kim", "kim@", "kim@@example.org", "k m@example.org"])
def test_an_impossible_email_is_refused(people: People, clinic: UUID, email: str) -> None:
    with pytest.raises(Invalid) as caught:
        people.add(clinic, email)

    assert caught.value.field == "email"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("timezone", "America/Nowhere"), ("region", "XX"), ("language", "fr")],
)
def test_an_impossible_clinic_is_refused(runtime: Runtime, field: str, value: str) -> None:
    asked = {"name": "Lakeside", "timezone": "America/New_York", field: value}

    with pytest.raises(Invalid) as caught:
        cli.clinic_add(runtime.database, **asked)

    assert caught.value.field == field
