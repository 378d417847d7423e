"""What the clinic sees of campaigns, and what it may do, with and without scripts."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlencode
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from crm.accounts import cli
from crm.accounts.models import Role
from crm.core.performing import claim_and_perform
from pipelines.lead.details import Change, change_detail
from tests.automations.campaigns.conftest import Campaigns
from tests.automations.conftest import CREATED, DAY
from tests.support.browsing import PASSWORD, Browser, open_browser
from tests.support.houses import cheap_app

SCRIPT = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
SignIn = Callable[..., Browser]


@pytest.fixture
def app(campaigns: Campaigns) -> FastAPI:
    return cheap_app(campaigns.practice.runtime)


@pytest.fixture
def signed_in(campaigns: Campaigns, app: FastAPI) -> Iterator[SignIn]:
    """Sign somebody in, with a role, in a language."""
    opened: list[Browser] = []

    def sign_in(role: Role = "owner", language: str = "en") -> Browser:
        email = f"{role}-{language}-{len(opened)}@riverside.example"
        cli.user_add(
            campaigns.practice.runtime.database,
            clinic_id=campaigns.practice.clinic,
            email=email,
            name="Kim Weaver",
            role=role,
            password=PASSWORD,
            language=language,
            passwords=app.state.accounts.passwords,
        )
        browser = open_browser(app)
        opened.append(browser)
        assert browser.sign_in(email).status_code == 303
        return browser

    yield sign_in
    for browser in opened:
        browser.close()


def words(page: str) -> str:
    """Return what a page says, without its markup."""
    return " ".join(re.sub("<[^>]*>", " ", page).split())


def typed(campaigns: Campaigns, **fields: str) -> dict[str, str]:
    """Return the fields of a campaign's form."""
    own = {"name": "Recall 2026", "automation_id": str(campaigns.automation.id)}
    return {**own, "rate": "1000", "rate_per": "minute", **fields}


def drafted(owner: Browser, campaigns: Campaigns, **fields: str) -> str:
    """Draft a campaign as somebody at a desk does; return the path of its page."""
    answer = owner.submit("/campaigns/new", "/campaigns/new", **typed(campaigns, **fields))
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"]


def test_a_campaign_is_drafted_started_and_read(campaigns: Campaigns, signed_in: SignIn) -> None:
    contacts = campaigns.people(2)
    [stopped] = campaigns.people(1, tier="none")
    leads = [campaigns.practice.lead(one) for one in (*contacts, stopped)]
    owner = signed_in()
    assert "There is none yet." in owner.get("/campaigns").text
    path = drafted(owner, campaigns, stage_id=str(campaigns.practice.stage("New")))

    page = owner.get(path).text
    assert "Start it for 2 people" in page
    assert "1 of those it is for is left out: Has not agreed to it 1" in words(page)
    assert "Stage is “New”" in page
    assert "1000 people a minute" in page

    assert owner.submit(path, f"{path}/start", version="1").status_code == 303
    campaigns.run()

    page = owner.get(path).text
    assert "2 people have entered" in page
    assert "3 of 3 looked at, 1 left out." in page
    assert f'href="/leads/{leads[2]}"' in page
    only = owner.get(f"{path}?result=no_consent").text
    assert f'href="/leads/{leads[2]}"' in only
    assert f'href="/leads/{leads[0]}"' not in only
    assert "Finished" in owner.get("/campaigns").text
    why = owner.get(f"/leads/{leads[2]}/sequences").text
    assert "they have not agreed to it" in why


def test_it_is_counted_while_it_is_typed(campaigns: Campaigns, signed_in: SignIn) -> None:
    campaigns.people(2)
    campaigns.people(1, tier="none")
    owner = signed_in()
    fields = {**owner.guards("/campaigns/new"), **typed(campaigns)}

    part = owner.post("/campaigns/count", data=fields, headers=SCRIPT)
    assert "<html" not in part.text
    assert "2 people" in part.text
    nobody = owner.post("/campaigns/count", data={**fields, "language": "es"}, headers=SCRIPT)
    assert "0 people" in nobody.text
    unnamed = {**fields, "name": "", "automation_id": "", "rate": ""}
    assert "3 people" in owner.post("/campaigns/count", data=unnamed, headers=SCRIPT).text
    wrong = owner.post("/campaigns/count", data={**fields, "quiet_days": "0"}, headers=SCRIPT)
    assert wrong.status_code == 422
    assert "Correct the marked entries" in wrong.text


def test_it_is_counted_without_scripts_and_nothing_typed_is_lost(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    campaigns.people(2)
    owner = signed_in()
    stage = str(campaigns.practice.stage("New"))
    fields = typed(campaigns, stage_id=stage, start_on="2027-05-01", start_time="10:30")
    page = owner.submit("/campaigns/new", "/campaigns/count", **fields).text
    assert "<html" in page
    assert "0 people" in page
    assert 'value="Recall 2026"' in page
    assert re.search(f'value="{stage}" checked', page)
    assert 'value="2027-05-01"' in page
    assert 'value="10:30' in page


def test_counting_asks_the_database_a_few_questions_only(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    campaigns.people(3)
    owner = signed_in()
    data = {**owner.guards("/campaigns/new"), **typed(campaigns)}
    assert "3 people" in owner.post("/campaigns/count", data=data, headers=SCRIPT).text
    asked = campaigns.practice.statements(
        lambda: owner.post("/campaigns/count", data=data, headers=SCRIPT)
    )
    # Who is signed in is asked as well, and each of the two transactions is opened.
    assert asked <= 6 + 3


def test_what_is_wrong_is_said_and_what_was_typed_stays(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    owner = signed_in()
    refused = owner.submit(
        "/campaigns/new",
        "/campaigns/new",
        **typed(campaigns, name=" ", rate="0", quiet_days="x", language="es"),
    )
    assert refused.status_code == 422
    assert "Give it a name." in refused.text
    assert '<option value="es" selected>' in refused.text
    no_day = owner.submit(
        "/campaigns/new", "/campaigns/new", **typed(campaigns, start_time="10:00")
    )
    assert (no_day.status_code, "Choose the day as well." in no_day.text) == (422, True)
    other = campaigns.practice.publish("Welcome", CREATED, DAY)
    wrong = owner.submit(
        "/campaigns/new", "/campaigns/new", **typed(campaigns, automation_id=str(other.id))
    )
    assert (wrong.status_code, "cannot start this sequence" in wrong.text) == (409, True)


def test_it_is_changed_paused_resumed_and_stopped(campaigns: Campaigns, signed_in: SignIn) -> None:
    campaigns.people(3)
    owner = signed_in()
    path = drafted(owner, campaigns, start_on="2027-05-01")
    form = owner.get(f"{path}/edit").text
    assert 'value="09:00"' in form
    changed = owner.submit(
        f"{path}/edit", f"{path}/edit", **typed(campaigns, rate="1", version="1")
    )
    assert changed.status_code == 303
    owner.submit(path, f"{path}/start", version="2")
    assert owner.get(f"{path}/edit").headers["location"] == path
    campaigns.chunk()
    campaigns.chunk()
    owner.submit(path, f"{path}/pause")
    assert "Paused" in owner.get(path).text
    owner.submit(path, f"{path}/resume")
    assert "Running" in owner.get(path).text
    assert "Stop it for good" in owner.get(path).text
    owner.submit(path, f"{path}/stop")
    page = words(owner.get(path).text)
    assert "Stopped" in page
    assert "3 of 3 looked at, 2 left out." in page
    late = owner.submit(path, f"{path}/resume")
    assert late.status_code == 409


def test_one_that_was_is_used_again_for_whoever_is_meant_now(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    people = campaigns.people(3)
    wants = [campaigns.practice.lead(one, source="radio_spot") for one in people[:2]]
    campaigns.practice.do(change_detail, wants[0], Change("service", "Botox"))
    owner = signed_in()
    first = drafted(owner, campaigns, source="radio_spot", service="Botox", start_on="2027-05-01")
    assert "Start it for 1 person" in owner.get(first).text
    assert owner.submit(first, f"{first}/start", version="1").status_code == 303

    page = owner.get(first)
    [again] = re.findall(r'href="(/campaigns/new\?campaign_id=[^"]+)"', page.text)
    assert "Service is “Botox”" in page.text
    form = owner.get(again).text
    assert '<option value="radio_spot" selected>Radio spot</option>' in form
    assert '<option value="Botox" selected>Botox</option>' in form
    assert "2027-05-01" not in form
    campaigns.practice.do(change_detail, wants[1], Change("service", "Botox"))
    fields = typed(campaigns, source="radio_spot", service="Botox")
    second = owner.submit(again, "/campaigns/new", **fields).headers["location"]

    assert second != first
    assert "Start it for 2 people" in owner.get(second).text


def test_one_whose_time_is_over_begins_at_once(campaigns: Campaigns, signed_in: SignIn) -> None:
    owner = signed_in()
    page = owner.get(drafted(owner, campaigns, start_on="2020-05-01")).text
    assert "Its time is over: it begins at once." in page
    assert "It begins at" not in words(page)


def test_a_draft_is_deleted(campaigns: Campaigns, signed_in: SignIn) -> None:
    owner = signed_in()
    path = drafted(owner, campaigns)
    owner.submit(path, f"{path}/delete", version="1")
    assert owner.get(path).status_code == 404


def test_who_may_not_publish_reads_and_starts_nothing(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    path = drafted(signed_in(), campaigns)
    desk = signed_in("front_desk")
    assert "Start it for" not in desk.get(path).text
    assert desk.get("/campaigns/new").status_code == 403
    guards = desk.guards(path)
    refused = desk.post_form(f"{path}/start", guards, version="1")
    assert refused.status_code == 403
    assert campaigns.row(UUID(path.rpartition("/")[2])).state == "draft"
    assert signed_in("provider").get("/campaigns").status_code == 403


def test_the_sequence_leads_to_a_campaign_with_it(campaigns: Campaigns, signed_in: SignIn) -> None:
    owner = signed_in()
    link = f"/campaigns/new?{urlencode({'automation_id': campaigns.automation.id})}"
    assert link in owner.get(f"/sequences/{campaigns.automation.id}").text
    assert f'value="{campaigns.automation.id}" selected' in owner.get(link).text


def test_people_are_shown_a_page_at_a_time(campaigns: Campaigns, signed_in: SignIn) -> None:
    campaigns.people(51)
    campaign = campaigns.started()
    campaigns.run()
    owner = signed_in()
    page = owner.get(f"/campaigns/{campaign}").text
    [more] = re.findall(r'href="(\?[^"]*beyond=[^"]*)"', page)
    rest = owner.get(f"/campaigns/{campaign}{more.replace('&amp;', '&')}").text
    names = re.findall(r"Pat \d+", page), re.findall(r"Pat \d+", rest)
    assert (len(names[0]), len(names[1]), len({*names[0], *names[1]})) == (50, 1, 51)


def test_it_reads_in_spanish(campaigns: Campaigns, signed_in: SignIn) -> None:
    campaigns.people(1, tier="none")
    campaign = campaigns.started()
    campaigns.run()
    page = signed_in(language="es").get(f"/campaigns/{campaign}").text
    assert "No ha dado su consentimiento" in page


def test_days_in_the_wrong_order_are_refused(campaigns: Campaigns, signed_in: SignIn) -> None:
    given = typed(campaigns, came_from="2026-05-02", came_until="2026-05-01")
    answer = signed_in().submit("/campaigns/new", "/campaigns/new", **given)
    assert answer.status_code == 422
    assert "This is before the first day: take a later one." in words(answer.text)
    drafted(signed_in("manager"), campaigns, came_from="2026-05-01", came_until="2026-05-01")


def test_a_campaign_tells_what_became_of_its_messages(
    campaigns: Campaigns, signed_in: SignIn
) -> None:
    practice = campaigns.practice
    campaigns.people(3)
    campaign = campaigns.started()
    campaigns.run()
    for _ in range(3):
        practice.runtime.clock.advance(seconds=6)
        claim_and_perform(practice.runtime, "enrollments", queue="bulk")
    sent, blocked, _waits = practice.texts()
    practice.settle(sent)
    practice.settle(blocked, "blocked")
    practice.do(lambda uow: uow.session.execute(_BECAUSE, {"id": blocked.id}))

    marketer = signed_in("marketer")
    path = f"/campaigns/{campaign}"
    assert f'hx-get="{path}/messages"' in marketer.get(path).text
    page = words(marketer.get(f"{path}/messages").text)
    assert "Sent 1 · Waiting 1 · Held 0 · Not sent 1" in page
    assert "Nobody agreed to texts at this number. 1" in page
    part = marketer.get(f"{path}/messages", headers=SCRIPT).text
    assert "<html" not in part
    assert "Sent <b>1</b>" in part


_BECAUSE = text("UPDATE communications SET reason = 'no_consent' WHERE id = :id")
