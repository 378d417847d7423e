"""Who may listen to what, for how long, and that listening is no sign of life."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from crm.accounts import roles
from crm.accounts.actions.logins import TOUCH
from crm.accounts.actions.members import end_membership
from crm.accounts.models import Login, User
from crm.accounts.queries import still_open
from crm.core.news import Announcement, News
from crm.core.uow import SilentDoorbell, UnitOfWork
from crm.web import live
from pipelines.models import Lead, Stage
from tests.flows.conftest import app, house
from tests.support.browsing import Browser
from tests.support.houses import House

__all__ = ["app", "house"]

IDLE = timedelta(minutes=15)


class Kept(live.Hub):
    """A hub that keeps who listened."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(None, app.state.live.topics, lambda clinic, logins: logins)
        self.came: list[live.Listener] = []

    def listening(self, listener: live.Listener) -> Any:
        """Keep it."""
        self.came.append(listener)
        return super().listening(listener)


@pytest.fixture
def hub(app: FastAPI) -> Kept:
    """A hub that is not running: its streams end as soon as they began."""
    app.state.live = Kept(app)
    return app.state.live


def listens_to(hub: Kept, browser: Browser, topics: str, **params: str) -> set[str]:
    """Open a stream and return the keys that it listens for."""
    answer = browser.get("/events", params={"topics": topics, **params})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == "data: {}\n\n"
    return set(hub.came[-1].topics)


def only_login(uow: UnitOfWork) -> Login:
    """Return the clinic's one login."""
    return uow.session.scalars(select(Login)).one()


def test_a_page_listens_in_its_own_clinic_as_its_own_user(house: House, hub: Kept) -> None:
    lead_id, page = uuid4(), uuid4()
    browser = house.signed_in()
    login = house.do(only_login)
    topics = f"board,lead-{lead_id},notices,other"
    heard = listens_to(hub, browser, topics, cid=str(page), age="2.5")
    assert heard == {"board", f"lead-{lead_id}", "notices"}
    [listener] = hub.came
    assert (listener.clinic_id, listener.login_id) == (house.clinic, login.id)
    assert (listener.client_id, listener.age) == (page, 2.5)
    assert listens_to(hub, browser, "board", cid="no id") == {"board"}
    assert hub.came[-1].client_id is None


def test_nobody_else_gets_a_stream(house: House, hub: Kept) -> None:
    answer = house.visitor().get("/events", params={"topics": "board"})
    assert answer.status_code == 303
    assert hub.came == []


def test_who_may_not_read_leads_gets_no_stream_of_leads(
    house: House, hub: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every role may read leads today, so one is forbidden to for the test."""
    allowed = roles.CAPABILITIES["leads:read"] - {"marketer"}
    monkeypatch.setattr(roles, "CAPABILITIES", {**roles.CAPABILITIES, "leads:read": allowed})
    lead = f"lead-{uuid4()}"
    assert listens_to(hub, house.signed_in("marketer"), f"board,{lead},tasks,notices") == set()
    assert len(listens_to(hub, house.signed_in(), f"board,{lead},tasks,notices")) == 4


def test_a_page_that_asks_by_itself_keeps_no_login_open(house: House, hub: Kept) -> None:
    browser = house.signed_in()
    house.runtime.clock.advance(seconds=TOUCH.total_seconds())
    before = house.do(only_login).seen_at
    assert browser.get("/pipeline", headers={"X-Live": "1"}).status_code == 200
    listens_to(hub, browser, "board")
    assert house.do(only_login).seen_at == before
    assert browser.get("/pipeline").status_code == 200
    assert house.do(only_login).seen_at > before
    house.runtime.clock.advance(minutes=14)
    assert browser.get("/pipeline", headers={"X-Live": "1"}).status_code == 200
    house.runtime.clock.advance(minutes=1)
    assert browser.get("/pipeline", headers={"X-Live": "1"}).status_code == 303


@pytest.mark.parametrize("how", ["sign out", "idle", "password", "disabled", "membership"])
def test_a_stream_ends_with_its_login(house: House, how: str) -> None:
    browser = house.signed_in()
    login = house.do(only_login)

    def open_logins() -> set[UUID]:
        return still_open(house.runtime.database, IDLE, house.clinic, {login.id, uuid4()})

    assert open_logins() == {login.id}
    if how == "sign out":
        browser.submit("/pipeline", "/sign-out")
    elif how == "idle":
        house.runtime.clock.advance(minutes=15)
    elif how == "membership":
        house.do(end_membership, login.user_id)
    else:
        house.do(_change, login.user_id, how)
    assert open_logins() == set()


def _change(uow: UnitOfWork, user_id: UUID, how: str) -> None:
    user = uow.session.get(User, user_id)
    assert user is not None
    user.is_disabled = how == "disabled"
    user.login_epoch += how == "password"


def test_the_page_that_wrote_is_named_by_its_id_and_by_nothing_else(house: House) -> None:
    told: list[Announcement] = []
    lead_id = house.ask()
    house.runtime.database.doorbell = bell = SilentDoorbell()
    bell.tell = told.append  # type: ignore[method-assign]
    [lead] = house.all(Lead, col(Lead.id) == lead_id)
    browser, page = house.signed_in(), uuid4()
    guards = browser.guards(f"/leads/{lead_id}")
    stages = {stage.name: stage.id for stage in house.all(Stage)}
    for name, sent in (("Contacted", str(page)), ("Considering", "Robin Vale")):
        fields = {**guards, "to_stage_id": str(stages[name])}
        headers = {"Sec-Fetch-Site": "same-origin", "X-Client-Id": sent}
        assert browser.post(f"/leads/{lead_id}/move", data=fields, headers=headers).is_redirect
    assert [each.client_id for each in told] == [page, None]
    assert told[0].news == (News("lead.stage_changed", lead_id, lead.contact_id),)


def test_a_part_of_a_page_asked_for_after_the_sign_in_is_over_reloads_the_page(
    house: House,
) -> None:
    answer = house.visitor().get("/pipeline", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")
