"""One user in several clinics, roles, and the walls between clinics."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlmodel import select

from crm.accounts import actions
from crm.accounts.models import ROLES, Login, Role, User
from crm.accounts.roles import CAPABILITIES, may, roles_of
from crm.core.clock import Clock
from crm.core.errors import Conflict, NotFound
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import EMAIL, Browser, People


def test_one_user_works_in_two_clinics_and_chooses_where(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID, clock: Clock
) -> None:
    assert people.add(clinic) == people.add(other_clinic, role="provider", password=None)

    first = browser.sign_in(next="/probe")
    assert first.headers["location"] == "/choose-clinic?next=%2Fprobe"
    began = browser.guards("/probe")["page_clinic_id"]
    target = other_clinic if began == str(clinic) else clinic
    clock.advance(minutes=1)
    token = browser.token
    moved = browser.submit("/choose-clinic", "/switch-clinic", clinic_id=str(target), next="/probe")

    assert moved.headers["location"] == "/probe"
    assert browser.token != token
    assert browser.guards("/probe")["page_clinic_id"] == str(target)
    browser.submit("/probe", "/sign-out")
    clock.advance(minutes=1)
    browser.sign_in()
    assert browser.guards("/probe")["page_clinic_id"] == str(target), "where he was last"
    text = browser.get("/choose-clinic").text
    main = text[text.index("<main") :]
    assert main.index(str(target)) < main.index(began.lower(), main.index('name="clinic_id"'))


def test_switching_ends_the_login_that_was_left(
    browser: Browser,
    new_browser: Callable[..., Browser],
    people: People,
    clinic: UUID,
    other_clinic: UUID,
) -> None:
    people.add(clinic)
    browser.sign_in()
    people.add(other_clinic, password=None)
    token = browser.token

    browser.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))

    assert browser.guards("/probe")["page_clinic_id"] == str(other_clinic)
    thief = new_browser()
    thief.cookies.set("__Host-frontdesk", token or "", domain="testserver.local")
    assert thief.get("/probe").status_code == 303


def test_switching_gives_no_new_hours(
    browser: Browser,
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    clock: Clock,
    runtime: Runtime,
) -> None:
    people.add(clinic)
    browser.sign_in()
    people.add(other_clinic, password=None)
    for number in range(runtime.settings.session_hours * 6 - 1):
        clock.advance(minutes=10)
        target = clinic if number % 2 else other_clinic
        moved = browser.submit("/probe", "/switch-clinic", clinic_id=str(target))
        assert moved.status_code == 303

    assert browser.get("/probe").status_code == 200
    clock.advance(minutes=10)
    assert browser.get("/probe").status_code == 303


def test_a_clinic_where_one_does_not_work_is_an_unknown_one(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID
) -> None:
    people.add(clinic)
    people.add(other_clinic, "else@hillside.example")
    browser.sign_in()

    foreign = browser.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))
    unknown = browser.submit("/probe", "/switch-clinic", clinic_id=str(new_id()))

    assert foreign.status_code == unknown.status_code == 404
    assert browser.guards("/probe")["page_clinic_id"] == str(clinic)


def test_a_page_of_the_clinic_left_in_another_tab_writes_nothing(
    browser: Browser,
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    clinic_name: Callable[[UUID], str],
) -> None:
    people.add(clinic)
    browser.sign_in()
    second_tab = browser.guards("/probe")
    people.add(other_clinic, password=None)
    browser.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))

    answer = browser.post_form("/probe", second_tab)

    assert answer.status_code == 409
    assert "You are in another clinic in a second tab" in answer.text
    assert clinic_name(other_clinic) == "Hillside Eyes"


def test_a_header_that_names_another_clinic_is_refused_too(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID
) -> None:
    people.add(clinic)
    browser.sign_in()
    token = browser.guards("/probe")["csrf_token"]
    headers = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin"}

    def write(named: UUID) -> int:
        return browser.post("/probe", headers={**headers, "X-Clinic-Id": str(named)}).status_code

    assert write(other_clinic) == 409
    assert write(clinic) == 200


def test_a_new_role_ends_the_logins_of_that_clinic_only(
    new_browser: Callable[..., Browser],
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    runtime: Runtime,
) -> None:
    people.add(clinic, "boss@riverside.example")
    user = people.add(clinic, role="manager")
    here = new_browser()
    here.sign_in()
    people.add(other_clinic, password=None)
    there = new_browser()
    there.sign_in()
    there.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        actions.change_role(uow, user, "marketer")

    assert here.get("/probe").status_code == 303
    assert there.get("/probe").status_code == 200
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        [entry] = audit_entries(uow, actions=["member.role_changed"])
    assert (entry.details["before"], entry.details["after"]) == ("manager", "marketer")


def test_who_left_a_clinic_is_out_at_once_and_can_come_back(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic, "boss@riverside.example")
    user = people.add(clinic, role="front_desk")
    browser.sign_in()

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        actions.end_membership(uow, user)

    assert browser.get("/probe").status_code == 303
    assert browser.sign_in().status_code == 422
    people.add(clinic, role="front_desk")
    assert browser.sign_in().status_code == 303


def test_a_clinic_keeps_an_owner(people: People, clinic: UUID, runtime: Runtime) -> None:
    owner = people.add(clinic)

    for change in (actions.end_membership, lambda u, i: actions.change_role(u, i, "manager")):
        with pytest.raises(Conflict), runtime.database.transaction(clinic, SYSTEM) as uow:
            change(uow, owner)

    people.add(clinic, "second@riverside.example")
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        actions.change_role(uow, owner, "manager")


def test_logins_and_users_of_another_clinic_are_not_there(
    browser: Browser, people: People, clinic: UUID, other_clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    other = people.add(other_clinic, "else@hillside.example")
    browser.sign_in("else@hillside.example")

    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        foreign = uow.session.scalars(select(Login)).one()
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert uow.session.scalars(select(Login)).all() == []
        assert [user.email for user in uow.session.scalars(select(User))] == [EMAIL]
        assert not actions.end_login(uow, foreign.id, "revoked")
        assert actions.end_logins_of(uow, other, "revoked") == 0
        with pytest.raises(NotFound):
            actions.change_role(uow, other, "manager")

    assert browser.get("/probe").status_code == 200


def test_a_role_gets_in_where_the_matrix_says(
    browser: Browser, people: People, clinic: UUID
) -> None:
    for role in ROLES:
        people.add(clinic, f"{role}@riverside.example", role)

        browser.sign_in(f"{role}@riverside.example")
        answer = browser.get("/probe/moves")

        assert answer.status_code == (200 if may(role, "leads:move") else 403), role
        browser.submit("/probe", "/sign-out")


def test_the_matrix_names_known_roles_and_unknown_names_fail_at_once() -> None:
    known: set[Role] = set(ROLES)

    assert all(roles and roles <= known for roles in CAPABILITIES.values())
    assert roles_of("owner", "ops:read") == {"owner", "manager"}
    with pytest.raises(ValueError, match="neither a role nor a capability"):
        roles_of("leads:moove")


def test_no_write_of_the_accounts_goes_without_a_token(
    app: FastAPI, browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser.sign_in()
    page = browser.guards("/probe")
    writes = [re.sub(r"{\w+}", str(new_id()), path) for path in _posts(app)]
    assert len(writes) >= 9

    for path in writes:
        for guards in ({}, {**page, "csrf_token": "0" * 64}):
            answer = browser.post_form(path, guards)
            assert answer.status_code == 403, path
        foreign = browser.post(path, data=page, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403, path
    assert browser.get("/probe").status_code == 200


def _posts(app: FastAPI) -> set[str]:
    """Return the paths that take a write from a browser."""
    return {
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if "POST" in (route.methods or ()) and not str(route.path).startswith("/api/")
    }


def test_a_commit_that_fails_is_no_success(
    browser: Browser, people: People, clinic: UUID, clinic_name: Callable[[UUID], str]
) -> None:
    people.add(clinic)
    browser.sign_in()

    answer = browser.submit("/probe", "/probe/broken")
    assert answer.status_code == 500
    assert "written" not in answer.text

    assert browser.submit("/probe", "/probe").status_code == 200
    assert clinic_name(clinic) == "Renamed"
