"""Templates are edited on a page: each save is a new version, and nobody overwrites unasked."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlmodel import col

from crm.core.runtime import Runtime
from crm.messaging.models import Template, TemplateVersion
from tests.support.browsing import Browser
from tests.support.houses import House, cheap_app, furnish

LIST = "/settings/templates"
FIRST = "New request: first text"


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    app: FastAPI = cheap_app(runtime)
    made = furnish(runtime, app, clinic)
    yield made
    made.close()


@pytest.fixture
def marketer(house: House) -> Browser:
    return house.signed_in("marketer")


def one(house: House, name: str = FIRST) -> Template:
    [found] = house.all(Template, col(Template.name) == name)
    return found


def versions(house: House, template: Template) -> list[TemplateVersion]:
    return house.all(TemplateVersion, col(TemplateVersion.template_id) == template.id)


def version_in(page: str) -> str:
    found = re.search(r'name="version_id" value="([^"]+)"', page)
    assert found
    return found[1]


def save(browser: Browser, template: Template, version: str, **words: str) -> int:
    page = f"{LIST}/{template.id}"
    sent = {"name": template.name, "body_en": "Hi", "version_id": version, **words}
    return browser.submit(page, page, **sent).status_code


def test_saving_other_words_makes_a_version_and_leaves_the_old_one(
    house: House, marketer: Browser
) -> None:
    template = one(house)
    [before] = versions(house, template)
    version = str(template.version_id)

    assert save(marketer, template, version, body_en="Hi {{ first_name }}\r\nBye") == 303

    old, new = versions(house, template)
    assert (old.bodies, new.number) == (before.bodies, 2)
    assert new.bodies == {"en": "Hi {{ first_name }}\nBye"}
    assert one(house).version_id == new.id
    # The same words again are no version, but the name may change.
    same = {"body_en": "Hi {{ first_name }}\nBye", "name": "First text"}
    assert save(marketer, template, str(new.id), **same) == 303
    assert len(versions(house, template)) == 2
    assert one(house, "First text").id == template.id


def test_who_saves_second_keeps_his_words_and_sees_theirs(house: House, marketer: Browser) -> None:
    template = one(house)
    version, page = str(template.version_id), f"{LIST}/{template.id}"
    save(marketer, template, version, body_en="Theirs")

    sent = {"name": FIRST, "body_en": "Mine & more", "version_id": version}
    second = marketer.submit(page, page, **sent)

    assert second.status_code == 409
    assert "Mine &amp; more</textarea>" in second.text
    assert "Stored now: Theirs" in second.text
    assert save(marketer, template, version_in(second.text), body_en="Mine & more") == 303


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("body_en", {"body_en": "Hi {{ frist_name }}"}),
        ("body_es", {"body_es": "Hola {% for x in y %}"}),
        ("name", {"name": "contacted: last reminder"}),
        ("body_en", {"body_en": " "}),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field_and_kept(
    house: House, marketer: Browser, field: str, words: dict[str, str]
) -> None:
    template = one(house)
    page = f"{LIST}/{template.id}"
    sent = {"name": FIRST, "body_en": "Kept", "version_id": str(template.version_id), **words}

    answer = marketer.submit(page, page, **sent)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert field == "body_en" or "Kept</textarea>" in answer.text
    assert len(versions(house, template)) == 1


def test_a_template_is_added_in_two_languages_and_never_over_another(
    house: House, marketer: Browser
) -> None:
    sent = {"name": "Offer", "message_class": "marketing", "body_en": "New hours", "body_es": "Sí"}
    assert marketer.submit(f"{LIST}/new", LIST, **sent).status_code == 303
    made = one(house, "Offer")
    assert made.message_class == "marketing"
    assert versions(house, made)[0].bodies == {"en": "New hours", "es": "Sí"}
    assert "EN · ES" in marketer.get(LIST).text

    again = marketer.submit(f"{LIST}/new", LIST, **{**sent, "name": "offer "})
    assert again.status_code == 422
    assert "New hours</textarea>" in again.text
    assert len(versions(house, made)) == 1


def test_the_preview_shows_words_and_parts_and_keeps_nothing(
    house: House, marketer: Browser
) -> None:
    sent = {"body_en": "Hi {{ first_name }} <b>", "body_es": "ñandú 😀" * 12}
    shown = marketer.submit(LIST, f"{LIST}/preview", **sent).text

    assert "Hi [first name] &lt;b&gt;" in shown
    assert "1 part " in shown
    assert "2 parts" in shown
    assert "67 to 70" in shown
    assert "<html" not in shown
    assert "Line 1:" in marketer.submit(LIST, f"{LIST}/preview", body_en="{{ nope }}").text


def test_who_may_not_write_templates_does_not(house: House) -> None:
    for role in ("front_desk", "provider"):
        assert house.signed_in(role).get(LIST).status_code == 403  # type: ignore[arg-type]
