"""The board's pages: what they show to whom, without JavaScript and to its scripts."""

import html
import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlmodel import col

from crm.core.runtime import Runtime
from pipelines.models import Lead, SavedView, Stage
from tests.conftest import Drain
from tests.support.browsing import Browser
from tests.support.houses import House, cheap_app, furnish

SET_FILTER = re.compile(r'href="([^"]*)"><span[^>]*>Remove the filter </span><span[^>]*>([^<]*)<')
SCRIPT = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    """A clinic in the morning."""
    made = furnish(runtime, cheap_app(runtime), clinic)
    made.set_clock("2027-02-02 10:00")
    yield made
    made.close()


def stage_id(house: House, name: str) -> str:
    [stage] = house.all(Stage, col(Stage.name) == name)
    return str(stage.id)


def ask(browser: Browser, path: str, **fields: str) -> tuple[int, str, str]:
    """Post as the board's script does; return the status, the part of the page, and the toast."""
    data = {**browser.guards("/pipeline"), **fields}
    answer = browser.post(path, data=data, headers=SCRIPT)
    return answer.status_code, answer.text, answer.headers.get("hx-trigger", "")


def test_a_script_gets_the_card_the_heads_and_an_undo(house: House) -> None:
    lead_id = house.ask(service="Veneers")
    browser = house.signed_in()
    contacted = stage_id(house, "Contacted")
    status, part, said = ask(browser, f"/leads/{lead_id}/move", to_stage_id=contacted, version="1")
    assert status == 200
    assert "<html" not in part
    assert f'id="lead-{lead_id}" data-stage="{contacted}"' in part
    counts = re.findall(r'class="stage-count">(\d+)', part)
    assert counts == ["0", "1", "0", "0", "0", "0"]
    assert "Moved to Contacted." in said
    assert f"/leads/{lead_id}/move/undo" in said
    status, part, said = ask(browser, f"/leads/{lead_id}/move/undo", version="2")
    assert (status, "Back in New." in said) == (200, True)
    assert re.findall(r'class="stage-count">(\d+)', part)[:2] == ["1", "0"]
    status, _, said = ask(browser, f"/leads/{lead_id}/move/undo", version="2")
    assert status == 409
    assert said.count("Changed by someone else") == 1


def test_a_card_that_the_filters_hide_is_gone(house: House) -> None:
    lead_id = house.ask()
    path = f"/leads/{lead_id}/move?unread=1"
    _, part, _ = ask(house.signed_in(), path, to_stage_id=stage_id(house, "Contacted"))
    assert f'data-gone="{lead_id}"' in part
    assert "lead-card" not in part


def test_without_scripts_a_lead_is_moved_from_a_page_of_its_own(house: House) -> None:
    lead_id = house.ask()
    browser = house.signed_in()
    assert f'href="/leads/{lead_id}/move"' in browser.get("/pipeline").text
    page = browser.get(f"/leads/{lead_id}/move").text
    assert "Considering" in page
    assert "Too far away" in page
    answer = browser.submit(
        f"/leads/{lead_id}/move",
        f"/leads/{lead_id}/move",
        to_stage_id=stage_id(house, "Considering"),
        version="1",
    )
    assert answer.status_code == 303
    assert house.stage_of(lead_id) == "Considering"


def test_who_may_not_move_is_offered_no_move(house: House) -> None:
    lead_id = house.ask()
    page = house.page("/pipeline", "marketer")
    assert f"/leads/{lead_id}/move" not in page
    assert "data-movable" not in page
    assert f"/leads/{lead_id}/move" in house.page("/pipeline", "front_desk")


def test_a_reply_is_unread_until_somebody_reads_it(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.receive("HELP")
    drain()
    assert str(lead_id) not in house.page("/pipeline?unread=1")
    house.receive("Tuesday would suit me")
    drain()
    assert str(lead_id) in house.page("/pipeline?unread=1")
    browser = house.signed_in()
    assert browser.submit("/pipeline", f"/leads/{lead_id}/here").status_code == 303
    assert str(lead_id) not in house.page("/pipeline?unread=1")
    changed = [name for name in house.events("lead.") if name == "lead.unread_changed"]
    assert len(changed) == 2


def test_changes_tell_of_the_asked_leads_or_of_the_first_pages(house: House) -> None:
    first, second = house.ask(), house.ask("+12125550177", name="Casey Vale")
    browser = house.signed_in()
    [pipeline] = {lead.pipeline_id for lead in house.all(Lead)}
    path = f"/pipeline/changes?pipeline={pipeline}"
    gone = uuid4()
    part = browser.get(f"{path}&lead={first}&lead={gone}").text
    assert f'id="lead-{first}"' in part
    assert f'id="lead-{second}"' not in part
    assert f'data-gone="{gone}"' in part
    every = browser.get(path).text
    assert "data-all" in every
    assert every.index(f"lead-{second}") < every.index(f"lead-{first}")


def test_filters_are_saved_as_views_of_ones_own(house: House) -> None:
    house.ask()
    [pipeline] = {str(lead.pipeline_id) for lead in house.all(Lead)}
    browser = house.signed_in()
    for query in ("unread=1", "stale=1&source=form"):
        answer = browser.submit(
            "/pipeline", f"/pipeline/views?{query}", name="To answer", pipeline=pipeline
        )
        assert answer.status_code == 303
    [view] = house.all(SavedView)
    assert view.query == f"pipeline={pipeline}&stale=1&source=form"
    assert answer.headers["location"] == f"/pipeline?{view.query}"
    page = browser.get(answer.headers["location"]).text
    assert re.search(r'class="chip chip-on"[^>]*><span[^>]*>To answer', page)
    assert "To answer" not in house.page("/pipeline", "owner")
    remove = f"/pipeline/views/{view.id}/remove"
    assert house.signed_in("owner").submit("/pipeline", remove).status_code == 404
    assert browser.submit("/pipeline", remove).status_code == 303
    assert house.all(SavedView) == []


def test_the_form_of_filters_leads_to_what_it_says(house: House) -> None:
    house.ask(service="Veneers", source="google_ads")
    [pipeline] = {lead.pipeline_id for lead in house.all(Lead)}
    page = house.page(f"/pipeline/filters?pipeline={pipeline}&source=google_ads")
    assert '<option value="google_ads" selected>Google Ads</option>' in page
    assert '<option value="Veneers">Veneers</option>' in page
    blank = "owner=&source=google_ads&service=&mine="
    assert "Robin Vale" in house.page(f"/pipeline?pipeline={pipeline}&{blank}")
    shown = html.unescape(house.page(f"/pipeline?pipeline={pipeline}&source=google_ads&unread=1"))
    assert {words: href for href, words in SET_FILTER.findall(shown)} == {
        "Source: Google Ads": f"/pipeline?pipeline={pipeline}&unread=1",
        "Unread": f"/pipeline?pipeline={pipeline}&source=google_ads",
    }
    assert "None matches." in shown
    assert "No lead is in this stage." not in shown
    nobody = house.page(f"/pipeline?source=elsewhere&owner={uuid4()}")
    assert "No leads match." in nobody
    assert "Robin Vale" not in nobody
