"""API keys: their form, their end, their scope, and what is kept of them (SEC-14)."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from crm.accounts.actions import authenticate_key, create_key, revoke_key
from crm.accounts.actions.api_keys import KeyAlreadyMade, is_well_formed
from crm.accounts.deps import ApiUow
from crm.accounts.models import ApiKey, Door
from crm.core.clock import Clock
from crm.core.errors import Forbidden, Invalid, NotFound
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import Browser, People
from tests.support.browsing import hidden_fields

SCOPE = "requests:write"


@pytest.fixture
def raw(runtime: Runtime, clinic: UUID) -> str:
    """A live key of the clinic, good for 30 days."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return create_key(uow, "Website", [SCOPE], uow.now + timedelta(days=30)).raw


def call(browser: Browser, raw: str | None, path: str = "/api/v1/probe") -> tuple[int, dict]:
    headers = {"Authorization": f"Bearer {raw}"} if raw is not None else {}
    answer = browser.post(path, headers=headers)
    return answer.status_code, answer.json()


def stored(runtime: Runtime, clinic: UUID) -> ApiKey:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return uow.session.scalars(select(ApiKey)).one()


def test_a_key_opens_its_clinic_without_a_cookie_or_token(
    browser: Browser, raw: str, clinic: UUID
) -> None:
    assert call(browser, raw) == (200, {"clinic": str(clinic), "kind": "api_key"})


def test_a_key_has_a_prefix_a_checksum_and_enough_chance(raw: str) -> None:
    assert re.fullmatch(r"fd_\w{8}_\w{50}", raw, re.ASCII)
    assert is_well_formed(raw)
    changed = raw[:-8] + ("a" if raw[-8] != "a" else "b") + raw[-7:]
    assert not is_well_formed(changed)
    assert not is_well_formed(raw + "\n")


def test_only_the_hash_of_a_key_is_kept(runtime: Runtime, clinic: UUID, raw: str) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        rows = [
            *(row.model_dump_json() for row in uow.session.scalars(select(ApiKey))),
            *(row.model_dump_json() for row in uow.session.scalars(select(Door))),
            *(row.model_dump_json() for row in audit_entries(uow)),
        ]
    assert rows
    assert not any(raw[12:40] in row for row in rows)


@pytest.mark.parametrize("sent", [None, "", "fd_", "nonsense", "fd_" + "a" * 59, "é" * 20])
def test_a_wrong_key_is_a_problem(browser: Browser, sent: str | None) -> None:
    headers = {"Authorization": f"Bearer {sent}".encode()} if sent is not None else {}

    answer = browser.post("/api/v1/probe", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_opens_nothing(
    browser: Browser, runtime: Runtime, clinic: UUID, raw: str
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        key = uow.session.scalars(select(ApiKey)).one()
        revoke_key(uow, key.id)
        revoke_key(uow, key.id)

    assert call(browser, raw)[0] == 401
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert len(audit_entries(uow, actions=["api_key.revoked"])) == 1


def test_an_expired_key_opens_nothing(browser: Browser, clock: Clock, raw: str) -> None:
    clock.advance(days=29)
    assert call(browser, raw)[0] == 200

    clock.advance(days=1)

    assert call(browser, raw)[0] == 401


def test_a_key_does_what_its_scope_says(runtime: Runtime, clinic: UUID, raw: str) -> None:
    assert authenticate_key(runtime.database, raw, SCOPE).clinic_id == clinic
    with pytest.raises(Forbidden):
        authenticate_key(runtime.database, raw, "leads:read")


def test_a_key_with_another_scope_is_forbidden(
    browser: Browser, runtime: Runtime, clinic: UUID, raw: str
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.session.scalars(select(ApiKey)).one().scopes = ["leads:read"]

    assert call(browser, raw)[0] == 403


def test_an_unknown_scope_is_refused_when_the_route_is_written() -> None:
    with pytest.raises(ValueError, match="no scope"):
        ApiUow("everything")


def test_use_is_noted_once_a_minute_and_audited_once_a_day(
    browser: Browser, runtime: Runtime, clinic: UUID, clock: Clock, raw: str
) -> None:
    call(browser, raw)
    first = stored(runtime, clinic).last_used_at
    assert first is not None
    clock.advance(seconds=59)
    call(browser, raw)
    assert stored(runtime, clinic).last_used_at == first
    clock.advance(seconds=2)
    call(browser, raw)
    second = stored(runtime, clinic).last_used_at
    assert second is not None
    assert second > first
    clock.advance(days=1)
    call(browser, raw)

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        used = audit_entries(uow, actions=["api_key.used"])
    assert len({entry.at.date() for entry in used}) == len(used) == 2
    assert {entry.details["scope"] for entry in used} == {SCOPE}
    assert used[0].principal_kind == "api_key"


def test_a_commit_that_fails_is_no_success(browser: Browser, raw: str) -> None:
    status, body = call(browser, raw, "/api/v1/broken")

    assert status == 500
    assert "never" not in body


def test_another_clinic_s_key_is_an_unknown_one(
    runtime: Runtime, clinic: UUID, other_clinic: UUID, raw: str
) -> None:
    key = stored(runtime, clinic)

    with runtime.database.transaction(other_clinic, SYSTEM) as uow, pytest.raises(NotFound):
        revoke_key(uow, key.id)


@pytest.mark.parametrize(
    ("name", "scopes", "days", "field"),
    [
        ("", [SCOPE], None, "name"),
        ("Website", [], None, "scopes"),
        ("Website", ["everything"], None, "scopes"),
        ("Website", [SCOPE], -1, "expires_at"),
    ],
)
def test_an_impossible_key_is_refused(
    runtime: Runtime, clinic: UUID, name: str, scopes: list[str], days: int | None, field: str
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow, pytest.raises(Invalid) as caught:
        create_key(uow, name, scopes, None if days is None else uow.now + timedelta(days=days))

    assert caught.value.field == field


def test_an_owner_makes_a_key_sees_it_once_and_revokes_it(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    browser.sign_in()
    page = "/settings/api-keys"
    assert "No keys yet" in browser.get(page).text

    made = browser.submit(page, page, name="Website", scopes=SCOPE, lives="90")

    [raw] = re.findall(r"fd_\w{8}_\w{50}", made.text)
    assert made.headers["cache-control"] == "no-store"
    assert call(browser, raw)[0] == 200
    again = browser.get(page).text
    assert raw not in again
    assert raw[:11] in again
    key = stored(runtime, clinic)
    assert key.expires_at == key.created_at + timedelta(days=90)
    assert "Revoke Website" in browser.get(page).text
    browser.submit(page, f"{page}/{key.id}/revoke")
    assert call(browser, raw)[0] == 401
    assert "Revoked" in browser.get(page).text


def test_a_reload_of_the_new_key_makes_no_other(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    browser.sign_in()
    page = "/settings/api-keys"
    form = hidden_fields(browser.get(page).text, "csrf_token|page_clinic_id|key_id")

    made = browser.post_form(page, form, name="Website", scopes=SCOPE)
    again = browser.post_form(page, form, name="Website", scopes=SCOPE)

    assert (made.status_code, again.status_code) == (200, 409)
    assert "This key was made already" in again.text
    assert "Make a key" in again.text
    [raw] = re.findall(r"fd_\w{8}_\w{50}", made.text)
    assert call(browser, raw)[0] == 200
    assert stored(runtime, clinic).id == UUID(form["key_id"])
    # The answer's own form makes the next one.
    assert hidden_fields(made.text)["key_id"] != form["key_id"]


def test_two_of_one_form_at_once_make_one_key(runtime: Runtime, clinic: UUID) -> None:
    key_id = new_id()

    def is_made(_turn: int) -> bool:
        try:
            with runtime.database.transaction(clinic, SYSTEM) as uow:
                create_key(uow, "Website", [SCOPE], key_id=key_id)
        except KeyAlreadyMade:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(is_made, range(4))) == [False, False, False, True]
    assert stored(runtime, clinic).id == key_id


@pytest.mark.parametrize("role", ["front_desk", "marketer", "provider"])
def test_the_others_make_no_keys(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime, role: str
) -> None:
    people.add(clinic, role=role)  # type: ignore[arg-type]
    browser.sign_in()
    page = "/settings/api-keys"

    assert browser.get(page).status_code == 403
    assert browser.submit("/probe", page, name="x", scopes=SCOPE).status_code == 403
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert uow.session.scalars(select(ApiKey)).all() == []


def test_a_cookie_does_not_stand_in_for_a_key(
    new_browser: Callable[..., Browser], people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser = new_browser()
    browser.sign_in()
    guards = browser.guards("/probe")

    assert browser.post_form("/api/v1/probe", guards).status_code == 401
