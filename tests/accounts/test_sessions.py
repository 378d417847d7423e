"""The page of one's sessions, and ending them."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlmodel import select

from crm.accounts.browsers import in_words
from crm.accounts.models import Login
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from tests.accounts.conftest import Browser, People

DESK = "desk@riverside.example"


def logins(runtime: Runtime, clinic: UUID) -> list[Login]:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return list(uow.session.scalars(select(Login).order_by(Login.created_at)))  # type: ignore[arg-type]


def test_one_sees_and_ends_ones_own_sessions(
    new_browser: Callable[..., Browser], people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic, DESK, "front_desk")
    here, lost = new_browser(), new_browser(ip="198.51.100.9")
    lost.sign_in(DESK)
    here.sign_in(DESK)
    [first, _second] = logins(runtime, clinic)

    text = here.get("/settings/sessions").text
    assert "198.51.100.9" in text
    assert "This session" in text
    assert "Sign-ins" not in text
    answer = here.submit("/settings/sessions", f"/settings/sessions/{first.id}/end")

    assert answer.headers["location"] == "/settings/sessions"
    assert "The session is over." in here.get("/settings/sessions").text
    assert here.get("/probe").status_code == 200
    led = lost.get("/probe")
    assert led.status_code == 303
    assert "You were signed out. Sign in to go on" in lost.get(led.headers["location"]).text


def test_a_colleague_s_session_is_a_manager_s_business_only(
    new_browser: Callable[..., Browser], people: People, clinic: UUID, runtime: Runtime
) -> None:
    people.add(clinic, DESK, "front_desk")
    people.add(clinic)
    owner, desk = new_browser(), new_browser()
    owner.sign_in()
    [of_owner] = logins(runtime, clinic)
    desk.sign_in(DESK)
    of_desk = next(one for one in logins(runtime, clinic) if one.id != of_owner.id)

    refused = desk.submit("/settings/sessions", f"/settings/sessions/{of_owner.id}/end")
    unknown = desk.submit("/settings/sessions", f"/settings/sessions/{new_id()}/end")
    assert refused.status_code == unknown.status_code == 404
    owner.submit("/settings/sessions", f"/settings/sessions/{of_desk.id}/end")

    assert owner.get("/probe").status_code == 200
    assert desk.get("/probe").status_code == 303


def test_another_clinic_s_session_is_an_unknown_one(
    new_browser: Callable[..., Browser],
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    runtime: Runtime,
) -> None:
    people.add(clinic)
    people.add(other_clinic, "else@hillside.example")
    mine, theirs = new_browser(), new_browser()
    mine.sign_in()
    theirs.sign_in("else@hillside.example")
    [foreign] = logins(runtime, other_clinic)

    answer = mine.submit("/settings/sessions", f"/settings/sessions/{foreign.id}/end")

    assert answer.status_code == 404
    assert theirs.get("/probe").status_code == 200


def test_all_other_sessions_end_in_every_clinic_and_this_one_stays(
    new_browser: Callable[..., Browser], people: People, clinic: UUID, other_clinic: UUID
) -> None:
    people.add(clinic)
    here, beside, there = new_browser(), new_browser(), new_browser()
    here.sign_in()
    beside.sign_in()
    people.add(other_clinic, password=None)
    there.sign_in()
    there.submit("/probe", "/switch-clinic", clinic_id=str(other_clinic))

    here.submit("/settings/sessions", "/settings/sessions/end-others")

    assert here.get("/probe").status_code == 200
    assert [one.get("/probe").status_code for one in (beside, there)] == [303, 303]


def test_a_manager_sees_who_signed_in_and_who_failed(
    new_browser: Callable[..., Browser], people: People, clinic: UUID
) -> None:
    people.add(clinic)
    new_browser(ip="198.51.100.77").sign_in(password="wrong wrong wrong")
    owner = new_browser()
    owner.sign_in()

    text = owner.get("/settings/sessions").text

    assert "Sign-ins" in text
    assert "198.51.100.77" in text
    assert "Failed" in text
    assert "Probe/1.0" in text
    assert "Where everybody of this clinic is signed in." in text


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MOBILE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64) {WEBKIT} Chrome/140.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15) {WEBKIT} Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {MOBILE} Safari/604.1",
            "Safari on iPhone",
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {MOBILE} CriOS/140.0 Safari/604.1",
            "Chrome on iPad",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Firefox/140.0",
            "Firefox on macOS",
        ),
        ("Probe/1.0", "Probe/1.0"),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert in_words(user_agent) == words
