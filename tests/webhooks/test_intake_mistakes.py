"""A mistake in the public form is told beside its field, and nothing typed is lost."""

import re

import pytest

from crm.core.clock import Clock
from tests.webhooks.intake_support import NOTHING, TYPED, Edge, fill, post


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


def test_the_summary_of_mistakes_names_each_field(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    status, page, _ = post(edge, {**hidden, **TYPED, "name": "x" * 201, "message": "x" * 5001})
    assert status == 422
    assert ">Your name: Use at most 200 characters." in page
    assert ">Anything we should know?: Use at most 5000 characters." in page


def errors_of(page: str) -> dict[str, str]:
    """Return the message beside each wrong field, in the order of the page."""
    return dict(re.findall(r'<p class="invalid-feedback" id="(\w+)-error">(.*?)</p>', page))


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


def test_words_that_are_not_ours_are_no_consent(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    for wording_id in ("", "x", "00000000-0000-4000-8000-000000000000"):
        fields = {**hidden, **TYPED, "sms_care": "yes", "wording_id": wording_id}
        status, page, _ = post(edge, fields)
        assert status == 422
        assert "Please read this again" in page
        assert not re.search(r'id="sms_care"[^>]* checked', page)
    assert edge.stored() == NOTHING
