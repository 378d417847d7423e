"""Owners and managers change stages and reasons on plain pages; nobody's typing is lost."""

import re
from uuid import UUID

import pytest
from sqlmodel import col

from pipelines.models import LostReason, Pipeline, Stage
from tests.support.browsing import Browser
from tests.support.houses import House


def stage(house: House, name: str) -> UUID:
    [found] = house.all(Stage, col(Stage.name) == name)
    return found.id


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


@pytest.fixture
def owner(house: House) -> Browser:
    return house.signed_in("owner")


def test_a_stage_is_added_edited_ordered_and_removed_without_scripts(
    house: House, owner: Browser
) -> None:
    [pipeline] = house.all(Pipeline)
    page = f"/settings/pipelines/{pipeline.id}"
    assert owner.get("/settings/pipelines").text.count("New patients") >= 1

    sent = {"name": "Waiting <list>", "kind": "open"}
    assert owner.submit(page, f"{page}/stages", **sent).headers["location"] == page
    shown = owner.get(page).text
    assert "Waiting &lt;list&gt;" in shown
    assert "New leads come in here" in shown
    waiting = f"/settings/stages/{stage(house, 'Waiting <list>')}"

    owner.submit(page, f"{waiting}/place", place="1")
    assert owner.get(page).text.index("Waiting") < owner.get(page).text.index("Contacted")
    version = version_in(owner.get(waiting).text)
    changed = {"name": "Waiting", "kind": "open", "version": version}
    refused = owner.submit(waiting, waiting, **changed, stale_after_days="soon")
    assert refused.status_code == 422
    assert 'value="soon"' in refused.text
    owner.submit(waiting, waiting, **changed, stale_after_days="3")
    assert house.all(Stage, col(Stage.name) == "Waiting")[0].stale_after_days == 3
    assert "The stage is saved." in owner.get(page).text
    owner.submit(waiting, f"{waiting}/remove")
    assert "Waiting" not in owner.get(page).text.replace("The stage is removed.", "")
    assert owner.get(waiting).status_code == 404


def test_who_saves_second_keeps_his_words_and_sees_theirs(house: House, owner: Browser) -> None:
    page = f"/settings/stages/{stage(house, 'Considering')}"
    version = version_in(owner.get(page).text)
    owner.submit(page, page, name="Thinking", kind="open", version=version)

    second = owner.submit(page, page, name="Pondering", kind="open", version=version)

    assert second.status_code == 409
    assert 'value="Pondering"' in second.text
    assert "Stored now: Thinking" in second.text
    owner.submit(page, page, name="Pondering", kind="open", version=version_in(second.text))
    assert stage(house, "Pondering")


def test_what_cannot_be_removed_says_why_on_its_own_page(house: House, owner: Browser) -> None:
    house.ask()
    new = f"/settings/stages/{stage(house, 'New')}"
    contacted = f"/settings/stages/{stage(house, 'Contacted')}"

    refused = owner.submit(new, f"{new}/remove")
    assert refused.status_code == 409
    assert "Leads stand in this stage" in refused.text
    assert 'value="New"' in refused.text
    typed = {"name": "New", "kind": "won", "version": version_in(refused.text)}
    # Once above the form, and once at the field.
    assert owner.submit(new, new, **typed).text.count("Leads stand in it") == 2
    refused = owner.submit(contacted, f"{contacted}/remove")
    assert refused.status_code == 409
    assert "Contacted, no answer" in refused.text


def test_reasons_are_changed_and_the_board_offers_the_new_ones(
    house: House, owner: Browser
) -> None:
    page = "/settings/lost-reasons"
    [price] = house.all(LostReason, col(LostReason.name) == "Price")
    one = f"{page}/{price.id}"

    owner.submit(page, page, name="Moved away")
    owner.submit(one, one, name="Too dear", version=version_in(owner.get(one).text))
    owner.submit(page, f"{one}/place", place="0")
    [far] = house.all(LostReason, col(LostReason.name) == "Too far away")
    owner.submit(page, f"{page}/{far.id}/remove")

    names = re.findall(r"<b>([^<]+)</b>", owner.get(page).text.partition('id="reasons"')[2])
    assert names[0] == "Too dear"
    assert names[-1] == "Moved away"
    assert "Too far away" not in names
    assert owner.submit(page, page, name=" ").status_code == 422


@pytest.mark.parametrize("role", ["front_desk", "marketer", "provider"])
def test_nobody_else_changes_what_leads_move_through(house: House, role: str) -> None:
    browser = house.signed_in(role)  # type: ignore[arg-type]
    assert browser.get("/settings/pipelines").status_code == 403
    page = browser.get("/settings").text
    assert "/settings/pipelines" not in page
    assert "/settings/profile" in page


def test_the_settings_speak_spanish(house: House, owner: Browser) -> None:
    page = owner.get("/settings?lang=es").text
    assert "Motivos de pérdida" in page
    assert "Etapas" in owner.get(f"/settings/pipelines/{house.all(Pipeline)[0].id}?lang=es").text
