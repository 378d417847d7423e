"""The public form: without script and cookie, in two languages, and nothing typed is lost."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlmodel import select

from crm.accounts.models import Clinic
from crm.compliance.models import Consent, ConsentWording
from crm.contacts.models import Contact
from crm.core.clock import Clock
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from pipelines.intake import add_request_form, close_request_form
from pipelines.models import AppointmentRequest, Lead, Pipeline
from tests.webhooks.intake_support import Edge, open_edge
from webhooks.intake import rates
from webhooks.intake.showing import when_answered

NOTHING = {"Address": 0, "AppointmentRequest": 0, "Consent": 0, "Contact": 0, "Lead": 0}
TYPED = {"name": "Ana Díaz", "phone": "(212) 555-0142", "message": "Me duele una muela"}
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7777}}'--"


@pytest.fixture
def edge(runtime: Runtime, clinic: UUID) -> Edge:
    """A clinic that takes requests, where robots are told by their haste as in production."""
    runtime.settings.form_fill_seconds = 2.0
    return open_edge(runtime, clinic)


def fill(edge: Edge, clock: Clock, query: str = "", **headers: str) -> dict[str, str]:
    """Load the form and take a person's time over it; return its hidden fields."""
    shown = edge.show(query, **headers)
    del shown["page"]
    clock.advance(seconds=10)
    return shown


def post(edge: Edge, fields: dict[str, str], query: str = "") -> tuple[int, str, str]:
    """Send the form; return status, page and where it leads."""
    answer = edge.client.post(f"/f/{edge.form_key}{query}", data=fields, follow_redirects=False)
    return answer.status_code, answer.text, answer.headers.get("location", "")


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


def test_a_mistake_keeps_what_was_typed(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    typed = {**TYPED, "phone": "555", "service": "Implants", "sms_care": "yes"}
    status, page, _ = post(edge, {**hidden, **typed})
    assert status == 422
    assert "This phone number cannot be right" in page
    for words in ("Ana Díaz", 'value="555"', "Me duele una muela", '"Implants" selected'):
        assert words in page
    assert re.search(r'id="sms_care"[^>]* checked', page)
    assert edge.stored() == NOTHING
    # The same form, corrected, is taken.
    assert post(edge, {**hidden, **TYPED})[0] == 303


def test_what_cannot_be_is_refused_beside_its_field(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    for wrong, field in (
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"email": "nobody", "phone": ""}, "email"),
        ({"phone": "999 999 9999"}, "phone"),
        ({"service": "Surgery"}, "service"),
        ({"message": "x" * 5001}, "message"),
    ):
        status, page, _ = post(edge, {**hidden, **TYPED, **wrong})
        assert status == 422
        assert f'id="{field}-error"' in page, field
    assert post(edge, {**hidden, **TYPED, "vip": "1"})[0] == 422
    assert edge.stored() == NOTHING


def errors_of(page: str) -> dict[str, str]:
    """Return the message beside each wrong field, in the order of the page."""
    return dict(re.findall(r'<p class="error" id="(\w+)-error">(.*?)</p>', page))


@pytest.mark.parametrize(
    ("query", "name", "phone", "email", "service"),
    [
        ("", "Give a name.", "phone number cannot be", "email address cannot be", "Choose one"),
        ("?lang=es", "nombre", "teléfono", "correo", "Elija"),
    ],
)
def test_all_mistakes_are_shown_at_once_each_at_its_field(
    edge: Edge, clock: Clock, query: str, name: str, phone: str, email: str, service: str
) -> None:
    hidden = fill(edge, clock, query)
    typed = {"phone": "555", "email": "nobody@", "service": "Surgery", "message": "x" * 5001}
    status, page, _ = post(edge, {**hidden, **typed, "sms_care": "yes", "wording_id": ""}, query)

    assert status == 422
    told = errors_of(page)
    assert list(told) == ["name", "phone", "email", "service", "message", "sms_care"]
    for field, words in {"name": name, "phone": phone, "email": email, "service": service}.items():
        assert words in told[field]
    # The list above the form leads to each, in the same order.
    assert re.findall(r'<li><a href="#(\w+)">', page) == list(told)
    for kept_value in ('value="555"', 'value="nobody@"', "x" * 5001):
        assert kept_value in page
    assert edge.stored() == NOTHING


def test_who_gives_neither_name_nor_address_is_told_both(edge: Edge, clock: Clock) -> None:
    told = errors_of(post(edge, fill(edge, clock))[1])
    assert set(told) == {"name", "phone"}


@pytest.mark.parametrize(
    ("query", "words"),
    [("", "give your phone number above"), ("?lang=es", "dé su número de teléfono arriba")],
)
def test_an_agreement_to_texts_without_a_phone_is_asked_about(
    edge: Edge, clock: Clock, query: str, words: str
) -> None:
    hidden = fill(edge, clock, query)
    by_email = {"name": "Ana Díaz", "email": "ana@example.com", "sms_care": "yes"}
    status, page, _ = post(edge, {**hidden, **by_email}, query)
    assert status == 422
    told = errors_of(page)
    assert set(told) == {"sms_care"}
    assert words in told["sms_care"]
    assert re.search(r'id="sms_care"[^>]* checked', page)
    assert 'value="ana@example.com"' in page
    assert edge.stored() == NOTHING

    del by_email["sms_care"]
    assert post(edge, {**hidden, **by_email}, query)[0] == 303


def test_a_hasty_person_sees_the_mistakes_too(edge: Edge) -> None:
    hasty = edge.show()
    del hasty["page"]
    page = post(edge, {**hasty, **TYPED, "phone": "555"})[1]
    assert "Please send it once more" in page
    assert set(errors_of(page)) == {"phone"}


def test_broken_bytes_and_huge_bodies_are_refused(edge: Edge, clock: Clock) -> None:
    address = f"/f/{edge.form_key}"
    form = {"content-type": "application/x-www-form-urlencoded"}
    broken = edge.client.post(address, content=b"name=%ff%fe&phone=2125550142", headers=form)
    assert broken.status_code == 422
    assert edge.client.post(address, content=b"x" * 70_000, headers=form).status_code == 413
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    assert edge.client.post(address, content=b"--x\r\n", headers=multipart).status_code in (
        400,
        422,
    )
    assert edge.stored() == NOTHING


def test_a_double_click_is_one_request_and_a_changed_one_another(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: post(edge, {**hidden, **TYPED})[0], range(8)))
    assert set(statuses) == {303}
    assert edge.stored()["AppointmentRequest"] == 1
    assert post(edge, {**hidden, **TYPED, "message": "Mañana, por favor"})[0] == 303
    assert edge.stored() | {"Address": 1} == {
        **NOTHING,
        "Address": 1,
        "AppointmentRequest": 2,
        "Contact": 1,
        "Lead": 1,
    }


def test_robots_are_asked_to_send_it_once_more(edge: Edge, clock: Clock) -> None:
    hasty = edge.show()
    del hasty["page"]
    patient = fill(edge, clock)
    hasty_again = edge.show()
    del hasty_again["page"]
    for suspicious in (
        {**hasty_again, **TYPED},
        {**patient, **TYPED, "website": "https://spam.example"},
        {**patient, **TYPED, "token": patient["token"][:-2]},
        {**patient, **TYPED, "token": ""},
        TYPED,
    ):
        status, page, _ = post(edge, suspicious)
        assert status == 422
        assert "Please send it once more" in page
        assert "Me duele una muela" in page
    assert edge.stored() == NOTHING
    # Whoever was only too fast, or had no token, sends what the page holds and is taken.
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    clock.advance(seconds=3)
    assert post(edge, {**again, **TYPED})[0] == 303
    assert post(edge, {**hasty, **TYPED})[0] == 303


def test_a_token_serves_one_form_for_a_day(edge: Edge, clock: Clock) -> None:
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        pipeline = uow.session.scalars(select(Pipeline)).one()
        other = add_request_form(uow, "Other", pipeline.id, []).key
    hidden = fill(edge, clock)
    mine, edge.form_key = edge.form_key, other
    assert post(edge, {**hidden, **TYPED})[0] == 422
    edge.form_key = mine
    clock.advance(hours=25)
    assert post(edge, {**hidden, **TYPED})[0] == 422
    assert edge.stored() == NOTHING


def test_a_clock_set_back_does_not_make_a_patient_a_robot(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    clock.advance(hours=-3)
    status, page, _ = post(edge, {**hidden, **TYPED})
    assert status == 422
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    clock.advance(seconds=5)
    assert post(edge, {**again, **TYPED})[0] == 303


def test_many_posts_are_slowed_down_and_lose_nothing(
    edge: Edge, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PER_PLACE", rates.RateLimitItemPerMinute(2))
    hidden = fill(edge, clock)
    answers = [post(edge, {**hidden, **TYPED}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [303, 303, 422]
    assert "Many requests came at once" in answers[2][1]
    assert "Me duele una muela" in answers[2][1]


def test_words_that_are_not_ours_are_no_consent(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    for wording_id in ("", "x", "00000000-0000-4000-8000-000000000000"):
        fields = {**hidden, **TYPED, "sms_care": "yes", "wording_id": wording_id}
        status, page, _ = post(edge, fields)
        assert status == 422
        assert "Please read this again" in page
        assert not re.search(r'id="sms_care"[^>]* checked', page)
    assert edge.stored() == NOTHING


def test_hostile_words_are_only_words(edge: Edge, clock: Clock) -> None:
    query = {"utm_source": HOSTILE, "lang": "en", "landing_page": f"https://a.example/{HOSTILE}"}
    page = edge.client.get(f"/f/{edge.form_key}", params=query).text
    assert "<script" not in page
    assert "<img" not in page
    hidden = fill(edge, clock)
    typed = {"name": HOSTILE, "phone": HOSTILE, "email": HOSTILE, "message": HOSTILE}
    status, page, _ = post(edge, {**hidden, **typed, "campaign": HOSTILE, "landing_page": HOSTILE})
    assert status == 422
    assert "<script" not in page
    assert "<img" not in page
    assert "54439" not in page


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


def test_forms_work_while_redis_is_gone(runtime: Runtime, clinic: UUID, clock: Clock) -> None:
    runtime.settings.redis_url = "redis://127.0.0.1:1/0"
    edge = open_edge(runtime, clinic)
    assert post(edge, {**fill(edge, clock), **TYPED})[0] == 303


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
