"""The public form: without script and cookie, in two languages, with words that are kept."""

import json
import re
from datetime import UTC, datetime

from sqlmodel import select

from crm.accounts.models import Clinic
from crm.compliance.models import Consent, ConsentWording
from crm.contacts.models import Contact
from crm.core.clock import Clock
from crm.core.principal import SYSTEM
from pipelines.intake import close_request_form
from pipelines.models import AppointmentRequest, Lead
from tests.webhooks.intake_support import NOTHING, TYPED, Edge, fill, post
from webhooks.intake.showing import when_answered


def kept(edge: Edge) -> tuple[Lead, Contact, AppointmentRequest]:
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        [lead] = uow.session.scalars(select(Lead))
        [contact] = uow.session.scalars(select(Contact))
        [request] = uow.session.scalars(select(AppointmentRequest))
        return lead, contact, request


def test_a_filled_form_becomes_a_lead(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    status, _, location = post(edge, {**hidden, **TYPED, "service": "Cleaning", "sms_care": "yes"})
    assert (status, location) == (303, f"/f/{edge.form_key}/sent?lang=en")
    thanks = edge.client.get(location)
    assert "Your request has arrived" in thanks.text
    lead, contact, request = kept(edge)
    assert (lead.source, lead.service) == ("form", "Cleaning")
    assert (contact.name, contact.language) == ("Ana Díaz", "en")
    assert (request.form_id, request.form_version) == (edge.form_id, 1)
    assert "muela" not in request.body
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        assert "muela" in uow.decrypt(request.id, request.body)


def test_consent_keeps_the_words_as_they_were_shown(edge: Edge, clock: Clock) -> None:
    shown = edge.show("?lang=es")
    assert "Riverside Dental puede enviarme mensajes de texto" in shown.pop("page")
    clock.advance(seconds=10)
    assert post(edge, {**shown, **TYPED, "sms_care": "yes"}, "?lang=es")[0] == 303
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        [consent] = uow.session.scalars(select(Consent))
        assert consent.wording_id is not None
        wording = uow.get(ConsentWording, consent.wording_id)
        assert (wording.language, wording.purpose, wording.tier) == ("es", "care", "express")
        assert consent.evidence is not None
        evidence = json.loads(uow.decrypt(consent.id, consent.evidence))
    assert evidence["ip"] == "testclient"
    assert evidence["given_to"] == "form"


def test_the_box_is_never_ticked_for_anybody(edge: Edge, clock: Clock) -> None:
    page = edge.show()["page"]
    assert " checked" not in page
    assert re.search(r'<input id="sms_care"[^>]*type="checkbox"', page)
    assert post(edge, {**fill(edge, clock), **TYPED})[0] == 303
    assert edge.stored()["Consent"] == 0


def test_the_page_needs_no_script_no_cookie_and_nobody_else(edge: Edge) -> None:
    answer = edge.client.get(f"/f/{edge.form_key}")
    assert "<script" not in answer.text
    assert "set-cookie" not in answer.headers
    assert not re.search(r'(?:src|href|action)="https?://', answer.text)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    visible = re.findall(r'<(?:input|select|textarea) id="(\w+)"', answer.text)
    assert visible == ["name", "phone", "email", "service", "message", "sms_care", "website"]


def test_spanish_is_one_click_away_and_nothing_stays_english(edge: Edge, clock: Clock) -> None:
    page = edge.show("?lang=es")["page"]
    for words in ("Pedir una cita", "Su nombre", "Teléfono", "Enviar solicitud"):
        assert words in page
    assert "Request" not in page
    status, page, _ = post(edge, {**fill(edge, clock, "?lang=es"), "name": "Ana"}, "?lang=es")
    assert status == 422
    assert "Indique un teléfono o un correo" in page
    status, _, location = post(edge, {**fill(edge, clock, "?lang=es"), **TYPED}, "?lang=es")
    assert "Su solicitud ha llegado" in edge.client.get(location).text
    assert kept(edge)[1].language == "es"


def test_campaign_and_landing_page_are_kept(edge: Edge, clock: Clock) -> None:
    referer = "https://www.riverside.example/start?utm_source=google&name=Ana#top"
    hidden = fill(edge, clock, referer=referer)
    assert hidden["landing_page"] == "https://www.riverside.example/start"
    assert post(edge, {**hidden, **TYPED})[0] == 303
    lead = kept(edge)[0]
    assert lead.campaign == {"utm_source": "google"}
    assert lead.landing_page == "https://www.riverside.example/start"


def test_the_language_switch_keeps_where_one_came_from(edge: Edge) -> None:
    referer = {"referer": "https://www.riverside.example/start?gclid=a%26b"}
    page = edge.show("?utm_source=x", **referer)["page"]
    [link] = re.findall(r'href="([^"]*lang=es[^"]*)"', page)
    again = edge.show(link.replace("&amp;", "&"), referer=f"https://testserver/f/{edge.form_key}")
    assert again["landing_page"] == "https://www.riverside.example/start"
    assert again["campaign"] == "utm_source=x"


def test_a_frame_is_only_for_the_clinics_sites(edge: Edge, clock: Clock) -> None:
    answer = edge.client.get(f"/f/{edge.form_key}/embed?lang=es")
    policy = answer.headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://www.riverside.example")
    assert f'action="/f/{edge.form_key}?lang=es&amp;embed=1"' in answer.text
    hidden = fill(edge, clock)
    answer = edge.client.post(f"/f/{edge.form_key}?embed=1", data={**hidden, **TYPED})
    assert answer.status_code == 200
    assert "https://www.riverside.example" in answer.headers["content-security-policy"]


def test_a_closed_or_unknown_form_is_not_there(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        close_request_form(uow, edge.form_id)
    for path in (
        f"/f/{edge.form_key}",
        f"/f/{edge.form_key}/embed",
        "/f/unknown",
        "/f/%F0%28/sent",
    ):
        answer = edge.client.get(path)
        assert answer.status_code == 404
        assert "text/html" in answer.headers["content-type"]
    assert post(edge, {**hidden, **TYPED})[0] == 404
    assert edge.stored() == NOTHING


def test_people_are_told_when_they_hear_from_us(edge: Edge) -> None:
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        clinic = uow.session.scalars(select(Clinic)).one()
    # 11:00, 18:00 and 02:00 UTC are 6 in the morning, 1 and 9 in the afternoon in New York.
    early, open_now, late = (
        when_answered(clinic, datetime(2026, 3, 3, hour, tzinfo=UTC)) for hour in (11, 18, 2)
    )
    assert open_now == "Somebody will answer you today, usually within the hour."
    assert "today" in early
    assert "8:00" in early
    assert "tomorrow" in late


def test_the_answer_offers_the_clinics_phone(edge: Edge) -> None:
    address = f"/f/{edge.form_key}/sent"
    assert "tel:" not in edge.client.get(address).text
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        uow.session.scalars(select(Clinic)).one().phone = "+12125550100"
    page = edge.client.get(address).text
    assert '<a href="tel:+12125550100">(212) 555-0100</a>' in page
