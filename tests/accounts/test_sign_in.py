"""Signing in: who gets in, what he is given, and what the others learn (SEC-1, SEC-5)."""

from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from crm.accounts import cli, doors
from crm.accounts.models import Door, Login
from crm.core.clock import Clock
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.models import AuditEntry
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import EMAIL, PASSWORD, Browser, CountingHasher, People


def entries(runtime: Runtime, clinic: UUID, *actions: str) -> list[AuditEntry]:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return audit_entries(uow, actions=actions)


def test_the_right_password_opens_a_login_with_a_host_cookie(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)

    answer = browser.sign_in()

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = [c for c in answer.headers.get_list("set-cookie") if "__Host-frontdesk=" in c]
    assert len(cookies) == 1
    flags = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    assert flags == {"httponly", "secure", "samesite=lax", "path=/"}
    assert len(browser.token or "") >= 43
    assert browser.get("/probe").status_code == 200
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        login = uow.session.scalars(select(Login)).one()
        kept = uow.session.scalars(select(Door).where(col(Door.kind) == "session")).one()
    assert (login.ip, login.user_agent) == ("203.0.113.7", "Probe/1.0")
    assert kept.key_hash == doors.hash_key("session", browser.token or "")
    assert browser.token not in kept.key_hash


def test_an_email_is_known_in_any_spelling(browser: Browser, people: People, clinic: UUID) -> None:
    people.add(clinic)

    assert browser.sign_in("  KIM@Riverside.EXAMPLE ").status_code == 303


def test_a_token_from_before_the_sign_in_is_worth_nothing_after(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser.cookies.set("__Host-frontdesk", "planted", domain="testserver.local")

    browser.get("/sign-in")
    answer = browser.sign_in()

    assert answer.status_code == 303
    assert browser.token != "planted"
    assert not any("planted" in c for c in answer.headers.get_list("set-cookie"))


def test_signing_in_again_ends_the_login_before(
    browser: Browser, new_browser: Callable[..., Browser], people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser.sign_in()
    old = browser.token
    guards = browser.guards("/probe")

    answer = browser.post_form("/sign-in", guards, email=EMAIL, password=PASSWORD)

    assert answer.status_code == 303
    assert browser.token != old
    thief = new_browser()
    thief.cookies.set("__Host-frontdesk", old or "", domain="testserver.local")
    assert thief.get("/probe").status_code == 303


def test_an_unknown_email_and_a_wrong_password_are_answered_alike(
    new_browser: Callable[..., Browser],
    people: People,
    clinic: UUID,
    hasher: CountingHasher,
) -> None:
    people.add(clinic)
    people.add(clinic, "nopassword@riverside.example", "manager", None)
    answers, hashed = [], []
    for email in (EMAIL, "nobody@riverside.example", "nopassword@riverside.example"):
        fresh, before = new_browser(), hasher.verified
        guards = fresh.guards("/sign-in")
        answer = fresh.post_form("/sign-in", guards, email=email, password="wrong wrong wrong")
        body = answer.text.replace(email, "EMAIL").replace(guards["csrf_token"], "TOKEN")
        answers.append((answer.status_code, body, sorted(answer.headers.keys())))
        hashed.append(hasher.verified - before)
        assert fresh.token is None

    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 422
    assert hashed == [1, 1, 1]


def test_a_failed_sign_in_is_on_the_record_of_every_clinic_of_the_account(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID, runtime: Runtime
) -> None:
    user = people.add(clinic)
    people.add(other_clinic, password=None)

    browser.sign_in(password="wrong wrong wrong")

    for place in (clinic, other_clinic):
        [entry] = entries(runtime, place, "login.failed")
        assert (entry.object_id, entry.ip) == (user, "203.0.113.7")
        assert entry.user_agent == "Probe/1.0"
        assert entry.request_id


def test_a_sign_in_and_a_sign_out_are_on_the_record(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    user = people.add(clinic)

    browser.sign_in()
    browser.submit("/probe", "/sign-out")

    [opened] = entries(runtime, clinic, "login.opened")
    [ended] = entries(runtime, clinic, "login.ended")
    assert (opened.principal_kind, opened.principal_id) == ("user", user)
    assert opened.user_agent == "Probe/1.0"
    assert ended.details["reason"] == "signed_out"
    assert ended.object_id == opened.object_id
    assert ended.details["login_id"] == str(opened.object_id)


def test_signing_out_ends_the_login_on_the_server(
    browser: Browser, new_browser: Callable[..., Browser], people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser.sign_in()
    token = browser.token

    answer = browser.submit("/probe", "/sign-out")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert browser.token is None
    thief = new_browser()
    thief.cookies.set("__Host-frontdesk", token or "", domain="testserver.local")
    assert thief.get("/probe").headers["location"].startswith("/sign-in")


def test_a_login_ends_when_nobody_is_there(
    browser: Browser, people: People, clinic: UUID, clock: Clock, runtime: Runtime
) -> None:
    people.add(clinic)
    browser.sign_in()
    for _ in range(4):
        clock.advance(minutes=14)
        assert browser.get("/probe").status_code == 200

    clock.advance(minutes=15)

    assert browser.get("/probe").status_code == 303
    clock.advance(minutes=-10)
    assert browser.get("/probe").status_code == 303
    assert entries(runtime, clinic, "login.ended")[0].details["reason"] == "idle"


def test_a_login_ends_after_its_hours_however_busy(
    browser: Browser, people: People, clinic: UUID, clock: Clock, runtime: Runtime
) -> None:
    people.add(clinic)
    browser.sign_in()
    for _ in range(runtime.settings.session_hours * 6 - 1):
        clock.advance(minutes=10)
        assert browser.get("/probe").status_code == 200

    clock.advance(minutes=10)

    assert browser.get("/probe").status_code == 303
    assert entries(runtime, clinic, "login.ended")[0].details["reason"] == "expired"


def test_a_disabled_user_is_out_at_once_and_stays_out(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    browser.sign_in()

    cli.user_disable(runtime.database, email=EMAIL)

    assert browser.get("/probe").status_code == 303
    assert browser.sign_in().status_code == 422


@pytest.mark.parametrize(
    ("wish", "went"),
    [
        ("/leads/1", "/leads/1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/%09/evil.example", "/%09/evil.example"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_the_sign_in_one_stays_on_this_site(
    browser: Browser, people: People, clinic: UUID, wish: str, went: str
) -> None:
    people.add(clinic)

    assert browser.sign_in(next=wish).headers["location"] == went


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)

    answer = browser.get("/probe?q=somebody")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fprobe")
    page = browser.get(answer.headers["location"]).text
    assert 'name="next" value="/probe"' in page
    assert "You were signed out" not in page
    assert browser.sign_in(next="/probe").headers["location"] == "/probe"
    assert browser.get("/sign-in?next=/probe").headers["location"] == "/probe"


def test_a_program_that_is_not_signed_in_gets_a_problem(browser: Browser) -> None:
    answer = browser.get("/probe", headers={"Accept": "application/json"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("base_url", "needs_https"),
    [
        ("http://frontdesk.lan", True),
        ("http://192.168.1.5:8000", True),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("https://testserver", False),
        ("http://testserver", False),  # a proxy ends TLS for the public address
    ],
)
def test_over_plain_http_the_sign_in_says_that_https_is_needed(
    new_browser: Callable[..., Browser], base_url: str, needs_https: bool
) -> None:
    text = new_browser(base_url=base_url).get("/sign-in").text

    assert ("HTTPS is needed" in text) is needs_https
    assert ('name="password"' in text) is not needs_https


def test_the_sign_in_page_speaks_spanish(browser: Browser) -> None:
    text = browser.get("/sign-in", headers={"Accept-Language": "es"}).text

    assert "Contraseña" in text


def test_a_user_s_language_holds_unless_this_browser_was_told_another(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic, language="es")
    browser.sign_in()

    assert '<i id="language">es</i>' in browser.get("/probe").text
    browser.submit("/probe", "/language", language="en", back="/probe")
    assert '<i id="language">en</i>' in browser.get("/probe").text


def test_a_page_shows_the_clinic_and_what_the_role_may_reach(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    people.add(clinic, "mara@riverside.example", "marketer")
    browser.sign_in("mara@riverside.example")

    text = browser.get("/probe").text

    assert "Riverside Dental" in text
    assert 'href="/pipeline"' in text
    assert 'href="/settings/work"' not in text
    assert f'name="page_clinic_id" value="{clinic}"' in text


def test_no_token_means_no_sign_in(browser: Browser, people: People, clinic: UUID) -> None:
    people.add(clinic)

    answer = browser.post_form("/sign-in", {}, email=EMAIL, password=PASSWORD)

    assert answer.status_code == 403
    assert browser.token is None


def test_missing_entries_are_named_and_the_email_is_kept(browser: Browser) -> None:
    answer = browser.submit("/sign-in", "/sign-in", email="kim@riverside.example")

    assert answer.status_code == 422
    assert "This is needed." in answer.text
    assert "kim@riverside.example" in answer.text


def test_every_page_of_the_accounts_forbids_caching(app: FastAPI, browser: Browser) -> None:
    assert browser.get("/sign-in").headers["cache-control"] == "no-store"
