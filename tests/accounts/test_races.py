"""Two at once, and a crash in between."""

import threading
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlmodel import select

from crm.accounts import actions, cli
from crm.accounts.actions import logins
from crm.accounts.models import Login, Membership
from crm.accounts.passwords import Passwords
from crm.accounts.state import Accounts
from crm.accounts.throttle import Attempt
from crm.core.errors import NotFound
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from tests.accounts.conftest import (
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Browser,
    CountingHasher,
    People,
)


def reset_token(runtime: Runtime) -> str:
    made = cli.password_reset_link(runtime.database, email=EMAIL, base_url="")
    return made.removeprefix("/reset/")


def test_of_two_who_use_one_link_at_once_one_sets_the_password(
    app: FastAPI, browser: Browser, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    token, accounts = reset_token(runtime), app.state.accounts
    together = threading.Barrier(2)
    won: list[str] = []

    def use(password: str) -> None:
        together.wait(10)
        try:
            actions.set_password_by_link(accounts, token, password)
        except NotFound:
            return
        won.append(password)

    threads = [threading.Thread(target=use, args=[one]) for one in (OTHER_PASSWORD, PASSWORD[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    [password] = won
    assert browser.sign_in(password=password).status_code == 303


def test_a_password_that_is_changed_while_it_is_compared_opens_nothing(
    app: FastAPI, people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic)
    token, accounts = reset_token(runtime), app.state.accounts

    class Meanwhile(CountingHasher):
        def verify(self, password: str | bytes, hash: str | bytes) -> bool:
            is_right = super().verify(password, hash)
            actions.set_password_by_link(accounts, token, OTHER_PASSWORD)
            return is_right

    slow = Accounts(accounts.database, accounts.settings, Passwords(Meanwhile()), accounts.throttle)

    assert actions.sign_in(slow, Attempt("a", "ip"), EMAIL, PASSWORD) is None
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert uow.session.scalars(select(Login)).all() == []


def test_of_two_who_add_one_user_at_once_both_find_the_same(
    people: People, clinic: UUID, other_clinic: UUID, runtime: Runtime
) -> None:
    together = threading.Barrier(2)
    added: list[UUID] = []

    def add(place: UUID) -> None:
        together.wait(10)
        added.append(people.add(place, password=None))

    threads = [threading.Thread(target=add, args=[one]) for one in (clinic, other_clinic)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(added) == 2
    assert len(set(added)) == 1


def test_a_user_left_over_by_a_crash_gets_his_membership_the_second_time(
    people: People, clinic: UUID, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> UUID:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(actions, "add_membership", die)
        with pytest.raises(KeyboardInterrupt):
            people.add(clinic)

    people.add(clinic)

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert len(uow.session.scalars(select(Membership)).all()) == 1


def test_a_switch_that_dies_half_way_leaves_the_browser_where_it_is(
    browser: Browser,
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people.add(clinic)
    browser.sign_in()
    people.add(other_clinic, password=None)
    token = browser.token

    def die(*_: object) -> bool:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(logins, "end_login", die)
        answer = browser.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))

    assert answer.status_code == 500
    assert browser.token == token
    assert browser.guards("/probe")["page_clinic_id"] == str(clinic)
    browser.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))
    assert browser.guards("/probe")["page_clinic_id"] == str(other_clinic)
