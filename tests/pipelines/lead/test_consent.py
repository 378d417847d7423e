"""Consent that a patient gives to somebody of the clinic, on the lead's page (LAW-10)."""

import json
from uuid import UUID

import pytest

from crm.compliance.models import Consent, ConsentWording
from crm.contacts.models import Address
from tests.conftest import Drain
from tests.support.browsing import Browser, hidden_fields
from tests.support.houses import PHONE, House


@pytest.fixture
def lead_id(house: House, drain: Drain) -> UUID:
    """The lead of somebody who was never asked whether the clinic may text."""
    found = house.ask(consent=False)
    drain()
    return found


def shown(page: str) -> dict[str, str]:
    """Return the hidden fields of the form of consent, as a page has it."""
    form = page[page.index("/consent") :]
    return hidden_fields(form, "address_id|language|wording_version|csrf_token|page_clinic_id")


def agree(browser: Browser, lead_id: UUID, **fields: str) -> int:
    """Tick the box on a fresh page and send the form; return the status."""
    page = browser.get(f"/leads/{lead_id}").text
    sent = {**shown(page), "agrees": "1", "agreed_by": "in_person", **fields}
    return int(browser.post_form(f"/leads/{lead_id}/consent", sent).status_code)


def test_an_oral_consent_is_on_record_with_its_words_and_who_heard_it(
    house: House, lead_id: UUID
) -> None:
    browser = house.signed_in()
    before = browser.get(f"/leads/{lead_id}").text
    assert "Not asked" in before
    assert agree(browser, lead_id) == 303

    [consent], [wording] = house.all(Consent), house.all(ConsentWording)
    assert (consent.purpose, consent.tier, consent.action) == ("care", "express", "granted")
    assert (consent.source, consent.principal_kind) == ("staff", "user")
    assert consent.wording_id == wording.id
    assert wording.text in before
    evidence = json.loads(house.do(lambda uow: uow.decrypt(consent.id, consent.evidence or "")))
    assert (evidence["given_to"], evidence["how"]) == ("front_desk", "in_person")
    assert evidence["ip"] == "203.0.113.7"

    after = browser.get(f"/leads/{lead_id}").text
    assert "They agree to texts" not in after
    assert "Consent given" in after


def test_said_twice_it_is_recorded_once(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    sent = {**shown(browser.get(f"/leads/{lead_id}").text), "agrees": "1", "agreed_by": "phone"}
    for _ in range(2):
        assert browser.post_form(f"/leads/{lead_id}/consent", sent).status_code == 303
    assert len(house.all(Consent)) == 1


def test_without_a_tick_or_with_other_words_nothing_is_recorded(
    house: House, lead_id: UUID
) -> None:
    browser = house.signed_in()
    for fields in ({"agrees": ""}, {"wording_version": "0" * 64}, {"language": "es"}):
        assert agree(browser, lead_id, **fields) == 422
    assert house.all(Consent) == []


def test_nobody_but_the_patient_undoes_an_opt_out(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    form = shown(browser.get(f"/leads/{lead_id}").text)
    house.receive("STOP")
    assert "They agree to texts" not in browser.get(f"/leads/{lead_id}").text
    sent = {**form, "agrees": "1", "agreed_by": "phone"}
    answer = browser.post_form(f"/leads/{lead_id}/consent", sent)
    assert answer.status_code == 409
    assert "only they can undo it" in answer.text
    assert "granted" not in [consent.action for consent in house.all(Consent)]


def test_the_phone_of_somebody_else_is_unknown(house: House, lead_id: UUID) -> None:
    house.ask("+12125550199", consent=False, name="Casey Vale")
    [other] = [one for one in house.all(Address) if one.value not in (PHONE, "")]
    assert agree(house.signed_in(), lead_id, address_id=str(other.id)) == 404
