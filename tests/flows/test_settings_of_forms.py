"""A form is changed on its page; what somebody agreed to is never changed under him."""

import re

import pytest
from sqlmodel import col

from crm.compliance.models import Consent, ConsentWording
from pipelines.models import Pipeline, RequestForm
from tests.support.browsing import Browser, hidden_fields
from tests.support.houses import NAME, PHONE, House

OWN = "Riverside Dental may text me about my visit. Reply STOP to stop, HELP for help."


@pytest.fixture
def owner(house: House) -> Browser:
    return house.signed_in("owner")


def page_of(house: House) -> str:
    [form] = house.all(RequestForm)
    return f"/settings/forms/{form.id}"


def save(house: House, browser: Browser, **fields: str) -> int:
    [form] = house.all(RequestForm)
    sent = {
        "name": form.name,
        "pipeline_id": str(form.pipeline_id),
        "version": str(form.version),
        **fields,
    }
    return browser.submit(page_of(house), page_of(house), **sent).status_code


def test_services_and_sites_are_one_a_line(house: House, owner: Browser) -> None:
    sites = "https://WWW.Riverside.example/\r\n\r\nhttps://riverside.example"
    assert save(house, owner, services="Cleaning\r\n Whitening \r\nCleaning", sites=sites) == 303

    shown = house.visitor().get(f"/f/{house.form_key}/embed")
    assert re.findall(r'<option value="([^"]+)"', shown.text) == ["Cleaning", "Whitening"]
    policy = shown.headers["content-security-policy"]
    assert "frame-ancestors https://www.riverside.example https://riverside.example" in policy
    [form] = house.all(RequestForm)
    assert form.version == 2


def test_other_words_of_consent_are_a_version_of_their_own(house: House, owner: Browser) -> None:
    visitor = house.visitor()
    open_page = visitor.get(f"/f/{house.form_key}").text
    before = {row.id: row.text for row in house.all(ConsentWording)}

    assert save(house, owner, wording_en=OWN) == 303

    after = {row.id: row.text for row in house.all(ConsentWording)}
    assert before.items() <= after.items()
    assert OWN in house.visitor().get(f"/f/{house.form_key}").text
    assert OWN not in house.visitor().get(f"/f/{house.form_key}?lang=es").text
    # Who had the form open agreed to what he saw; who comes now, to the new words.
    typed = {"name": NAME, "phone": PHONE, "sms_care": "1"}
    visitor.post(f"/f/{house.form_key}", data={**hidden_fields(open_page), **typed})
    house.fill_form(phone="+12125550143", name="Casey Vale")
    agreed = [after[one.wording_id] for one in house.all(Consent) if one.wording_id]
    assert agreed == [*before.values(), OWN][-2:]
    # Emptied, it shows the default again, and nothing is taken away.
    assert save(house, owner, wording_en="") == 303
    assert OWN not in house.visitor().get(f"/f/{house.form_key}").text
    assert after.items() <= {row.id: row.text for row in house.all(ConsentWording)}.items()


@pytest.mark.parametrize(
    ("field", "wrong", "told"),
    [
        ("wording_en", "You may text me.", "Riverside Dental, STOP, HELP"),
        ("wording_es", "Riverside Dental puede escribirme. STOP", "HELP"),
        ("sites", "https://riverside.example/path", "without a path"),
        ("sites", "javascript:alert(1)", "without a path"),
        ("services", "x" * 200, "120 characters"),
        ("name", " ", "Give it a name"),
        ("title_en", "x" * 121, "120 characters"),
        ("ask_phone", "left_out", "Choose one of"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(
    house: House, owner: Browser, field: str, wrong: str, told: str
) -> None:
    [form] = house.all(RequestForm)
    sent = {"name": "Kept", "pipeline_id": str(form.pipeline_id), "version": "1", field: wrong}

    answer = owner.submit(page_of(house), page_of(house), **sent)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert told in answer.text
    assert house.all(RequestForm)[0].version == 1


def test_a_form_asks_for_what_the_clinic_needs_and_no_more(house: House, owner: Browser) -> None:
    asks = {"ask_phone": "needed", "ask_email": "left_out", "ask_message": "needed"}
    assert save(house, owner, services="Cleaning", ask_service="needed", **asks) == 303

    visitor = house.visitor()
    shown = visitor.get(f"/f/{house.form_key}").text
    assert 'name="email"' not in shown
    assert re.search(r'name="phone"[^>]* required', shown)
    typed = {**hidden_fields(shown), "name": NAME, "email": "robin@vale.example"}
    answer = visitor.post(f"/f/{house.form_key}", data=typed)
    assert answer.status_code == 422
    told = re.findall(r'id="(\w+)-error">([^<]+)<', answer.text)
    assert told == [(name, "This is needed.") for name in ("phone", "service", "message")]
    typed |= {"phone": PHONE, "service": "Cleaning", "message": "Any morning"}
    assert visitor.post(f"/f/{house.form_key}", data=typed).status_code == 303
    # Its page shows again what was chosen.
    assert '<option value="left_out" selected>' in owner.get(page_of(house)).text


def test_an_email_that_is_needed_is_asked_for_alone(house: House, owner: Browser) -> None:
    assert save(house, owner, ask_email="needed") == 303

    visitor = house.visitor()
    typed = {**hidden_fields(visitor.get(f"/f/{house.form_key}").text), "name": NAME}
    answer = visitor.post(f"/f/{house.form_key}", data=typed)
    assert re.findall(r'id="(\w+)-error"', answer.text) == ["email"]


def test_a_form_says_what_the_clinic_wants_said(house: House, owner: Browser) -> None:
    said = {
        "title_en": "Book a free consult",
        "intro_en": "Two minutes,\r\nno card.",
        "thanks_es": "Traiga su <tarjeta>.",
    }
    assert save(house, owner, **said) == 303

    visitor = house.visitor()
    english, spanish = (visitor.get(f"/f/{house.form_key}?lang={one}").text for one in ("en", "es"))
    assert "<h1>Book a free consult</h1>" in english
    assert "Two minutes," in english
    assert "<h1>Pedir una cita</h1>" in spanish
    sent = visitor.get(f"/f/{house.form_key}/sent?lang=es").text
    assert "Traiga su &lt;tarjeta&gt;." in sent
    assert "tarjeta" not in visitor.get(f"/f/{house.form_key}/sent?lang=en").text


def test_who_saves_second_keeps_his_words_and_sees_theirs(house: House, owner: Browser) -> None:
    save(house, owner, name="Home page")

    [form] = house.all(RequestForm)
    sent = {"name": "Landing page", "pipeline_id": str(form.pipeline_id), "version": "1"}
    second = owner.submit(page_of(house), page_of(house), **sent)

    assert second.status_code == 409
    assert 'value="Landing page"' in second.text
    assert "Stored now: Home page" in second.text


def test_a_closed_form_takes_nothing_and_opens_at_its_old_address(
    house: House, owner: Browser
) -> None:
    page = page_of(house)
    for _ in range(2):
        owner.submit(page, f"{page}/close")
    assert house.visitor().get(f"/f/{house.form_key}").status_code == 404

    for _ in range(2):
        owner.submit(page, f"{page}/open")
    assert house.fill_form().status_code == 303


def test_another_form_leads_into_another_pipeline(house: House, owner: Browser) -> None:
    owner.submit("/settings/pipelines", "/settings/pipelines", name="Implants")
    [implants] = house.all(Pipeline, col(Pipeline.name) == "Implants")
    sent = {"name": "Implants page", "pipeline_id": str(implants.id)}
    owner.submit("/settings/forms", "/settings/forms", **sent)

    [form] = house.all(RequestForm, col(RequestForm.name) == "Implants page")
    shown = owner.get(f"/settings/forms/{form.id}").text
    assert f"/f/{form.key}" in shown
    assert f"data-form=&#34;{form.key}&#34;" in shown
    assert house.visitor().get(f"/f/{form.key}").status_code == 200


def test_the_script_for_sites_is_at_an_address_that_stays(house: House) -> None:
    answer = house.visitor().get("/embed.js")

    assert answer.headers["content-type"].startswith("text/javascript")
    assert "frontdeskHeight" in answer.text
    assert "framed." in house.visitor().get(f"/f/{house.form_key}/embed").text
    assert "<script" not in house.visitor().get(f"/f/{house.form_key}").text
