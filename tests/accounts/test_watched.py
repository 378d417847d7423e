"""What is watched for whoever is signed in: one statement finds him and all of it."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import col

from crm.accounts.actions import recognise
from crm.accounts.alarms import Alarm, Watched
from crm.accounts.frame import NavEntry
from crm.accounts.models import Clinic, Login
from crm.core.asking import Asking
from crm.core.ids import new_id
from crm.core.runtime import Runtime
from crm.core.tally import tallying, watch
from tests.accounts.conftest import Browser, People

WORDS = "Everything stands still."
IDLE = timedelta(minutes=15)


def is_holding(asking: Asking) -> ColumnElement[str | None]:
    held = select(col(Clinic.id)).where(
        col(Clinic.id) == asking.clinic_id, col(Clinic.is_holding_sends)
    )
    return case((held.exists(), WORDS))


def own_logins(asking: Asking, user_id: ColumnElement[UUID]) -> ColumnElement[int]:
    own = select(func.count()).where(
        col(Login.clinic_id) == asking.clinic_id, col(Login.user_id) == user_id
    )
    return own.scalar_subquery()


@pytest.fixture
def watched(app: FastAPI) -> Watched:
    made = Watched(
        (Alarm(is_holding, "/settings/texts", "settings:write"),), {"logins": own_logins}
    )
    app.state.watched = made
    return made


def hold(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.system() as system:
        system.session.get_one(Clinic, clinic).is_holding_sends = True
        system.session.flush()


def test_one_statement_finds_the_user_and_all_that_is_watched(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime, watched: Watched
) -> None:
    people.add(clinic, role="owner")
    hold(runtime, clinic)
    browser.sign_in()

    watch(runtime.database.engine)
    with tallying() as tally:
        found = recognise(runtime.database, browser.token or "", IDLE, watched)

    assert tally.queries == 1
    assert found is not None
    assert (found.user.name, found.membership.role, found.clinic.id) == (
        "Kim Weaver",
        "owner",
        clinic,
    )
    assert [(banner.message, banner.href) for banner in found.banners] == [
        (WORDS, "/settings/texts")
    ]
    assert found.counts == {"logins": 1}


def test_an_alarm_stands_above_the_pages_of_who_can_act_on_it(
    browser: Browser, people: People, clinic: UUID, runtime: Runtime, watched: Watched
) -> None:
    people.add(clinic, role="front_desk")
    people.add(clinic, "owner@riverside.example", "owner")
    hold(runtime, clinic)

    browser.sign_in()
    assert WORDS not in browser.get("/probe").text
    browser.cookies.clear()
    browser.sign_in("owner@riverside.example")
    assert WORDS in browser.get("/probe").text


def test_a_count_stands_beside_its_entry_of_the_rail(
    app: FastAPI, browser: Browser, people: People, clinic: UUID, watched: Watched
) -> None:
    app.state.nav = (NavEntry("Pipeline", "/pipeline", "pipeline", "leads:read", count="logins"),)
    people.add(clinic)
    browser.sign_in()
    browser.cookies.clear()
    browser.sign_in()

    assert re.search(r">\s*2\s*<", browser.get("/probe").text)


@pytest.mark.parametrize("planted", ["", ".", "x.y", "{clinic}", "{clinic}.", "{other}.{secret}"])
def test_a_token_opens_nothing_but_what_it_was_made_for(
    planted: str,
    browser: Browser,
    people: People,
    clinic: UUID,
    other_clinic: UUID,
    runtime: Runtime,
    watched: Watched,
) -> None:
    people.add(clinic)
    people.add(other_clinic)
    browser.sign_in()
    token = browser.token or ""
    opened, _, secret = token.partition(".")
    [other] = {clinic.hex, other_clinic.hex} - {opened}
    names = {"clinic": opened, "other": other, "secret": secret}

    assert recognise(runtime.database, planted.format(**names), IDLE, watched) is None
    assert recognise(runtime.database, f"{new_id().hex}.{secret}", IDLE, watched) is None
    assert recognise(runtime.database, token, IDLE, watched) is not None
