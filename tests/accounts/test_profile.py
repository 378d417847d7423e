"""What one sets for oneself, and one's own password."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlmodel import select

from crm.accounts.actions import change_password, end_logins_of
from crm.accounts.actions.logins import Recognised, recognise
from crm.accounts.alarms import Watched
from crm.accounts.models import User
from crm.accounts.throttle import Attempt
from crm.core.clock import Clock
from crm.core.errors import Conflict
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import OTHER_PASSWORD, PASSWORD, Browser, People

PAGE = "/settings/profile"
SENT = {"name": "Kim W.", "language": "en", "timezone": "", "theme": "dark"}


def kim(runtime: Runtime, clinic: UUID) -> User:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return uow.session.scalars(select(User)).one()


@pytest.fixture
def signed_in(browser: Browser, people: People, clinic: UUID) -> Browser:
    people.add(clinic, role="provider")
    browser.sign_in()
    return browser


def test_everybody_sets_his_own_name_zone_theme_and_keys(
    signed_in: Browser, runtime: Runtime, clinic: UUID
) -> None:
    sent = {**SENT, "timezone": "Europe/Madrid", "has_shortcuts": "yes"}

    assert signed_in.submit(PAGE, PAGE, **sent).headers["location"] == PAGE
    user = kim(runtime, clinic)
    assert (user.name, user.timezone, user.theme) == ("Kim W.", "Europe/Madrid", "dark")
    assert user.has_shortcuts

    signed_in.submit(PAGE, PAGE, **SENT)
    user = kim(runtime, clinic)
    assert (user.timezone, user.has_shortcuts) == (None, False)
    assert "The clinic&#39;s (America/New York)" in signed_in.get(PAGE).text


def test_the_profiles_language_wins_over_what_the_browser_was_switched_to(
    signed_in: Browser,
) -> None:
    signed_in.submit(PAGE, "/language", language="en", back=PAGE)

    signed_in.submit(PAGE, PAGE, **{**SENT, "language": "es"})

    page = signed_in.get(PAGE).text
    assert 'lang="es"' in page
    assert "Se guardó su perfil." in page


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("name", " "), ("timezone", "Mars/Olympus"), ("theme", "pink"), ("language", "fr")],
)
def test_what_is_impossible_is_said_and_the_rest_is_kept(
    signed_in: Browser, runtime: Runtime, clinic: UUID, field: str, wrong: str
) -> None:
    answer = signed_in.submit(PAGE, PAGE, **{**SENT, "name": "Kim <b>", field: wrong})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert field == "name" or "Kim &lt;b&gt;" in answer.text
    assert kim(runtime, clinic).name == "Kim Weaver"


def test_a_new_password_signs_out_everywhere_but_here(
    signed_in: Browser, new_browser: Callable[..., Browser], runtime: Runtime, clinic: UUID
) -> None:
    other = new_browser()
    other.sign_in()
    before = signed_in.token

    answer = signed_in.submit(PAGE, f"{PAGE}/password", current=PASSWORD, password=OTHER_PASSWORD)

    assert answer.headers["location"] == PAGE
    assert signed_in.token != before
    assert signed_in.get("/probe").status_code == 200
    assert other.get("/probe").status_code == 303
    assert other.sign_in().status_code == 422
    assert other.sign_in(password=OTHER_PASSWORD).status_code == 303
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert len(audit_entries(uow, actions=["password.changed"])) == 1


def test_a_wrong_or_a_weak_password_changes_nothing_and_is_not_shown(signed_in: Browser) -> None:
    wrong = "nobody says this aloud"
    for current, new, field in (
        (wrong, OTHER_PASSWORD, "current"),
        (PASSWORD, "Riverside Dental", "password"),
    ):
        answer = signed_in.submit(PAGE, f"{PAGE}/password", current=current, password=new)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert wrong not in answer.text
        assert 'value="Kim Weaver"' in answer.text
    signed_in.submit(PAGE, "/sign-out")
    assert signed_in.sign_in().status_code == 303


def test_who_finds_a_browser_open_guesses_no_faster_than_at_the_sign_in(
    signed_in: Browser,
) -> None:
    guess = {"current": "not this one either", "password": OTHER_PASSWORD}
    answers = [signed_in.submit(PAGE, f"{PAGE}/password", **guess).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("ends", ["login", "password"])
def test_a_login_that_ended_meanwhile_gets_no_new_one(
    app: FastAPI, signed_in: Browser, runtime: Runtime, clinic: UUID, ends: str
) -> None:
    who = _recognised(runtime, signed_in)
    attempt = Attempt("account", "203.0.113.7")
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        if ends == "login":
            end_logins_of(uow, who.user.id, "revoked")
    if ends == "password":
        change_password(app.state.accounts, attempt, who, PASSWORD, OTHER_PASSWORD)

    with pytest.raises(Conflict):
        change_password(app.state.accounts, attempt, who, PASSWORD, OTHER_PASSWORD)


def _recognised(runtime: Runtime, browser: Browser) -> Recognised:
    assert browser.token is not None
    who = recognise(runtime.database, browser.token, timedelta(hours=1), Watched())
    assert who is not None
    return who


def test_the_settings_show_what_ones_role_includes(
    new_browser: Callable[..., Browser], people: People, clinic: UUID, clock: Clock
) -> None:
    people.add(clinic, "desk@riverside.example", "front_desk")
    browser = new_browser()
    browser.sign_in("desk@riverside.example")

    assert browser.get("/settings").status_code == 200
    assert browser.get("/settings/api-keys").status_code == 403
