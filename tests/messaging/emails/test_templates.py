"""An email's template: a subject that names nobody, words in each language, and a class."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlmodel import col

from crm.accounts.models import Clinic
from crm.core.errors import Invalid
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template, new_template, save_template
from crm.messaging.emails.checking import clinical_words, wrong_words
from crm.messaging.models import Template, TemplateVersion
from tests.support.houses import House, cheap_app, furnish

LIST = "/settings/templates"


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    made = furnish(runtime, cheap_app(runtime), clinic)
    yield made
    made.close()


@pytest.mark.parametrize(
    "subject",
    [
        "Hi {{ first_name }}",
        "{{ service }}",
        "{{ last_name | default: 'you' }}",
        "{% if first_name %}You{% endif %}",
        "Your implant visit",
        "Su cirugía",
        "After your DIAGNOSIS",
        "Two\nlines",
        "x" * 151,
        "{{ clinic_name",
    ],
)
def test_sg_3_law_53_a_subject_names_nobody_and_tells_of_no_treatment(subject: str) -> None:
    assert set(wrong_words({"en": subject}, {"en": "Hello"})) == {"subject_en"}


@pytest.mark.parametrize("subject", ["A time for you at {{ clinic_name }}", "Su solicitud", "50%"])
def test_other_subjects_pass(subject: str) -> None:
    assert wrong_words({"en": subject}, {"en": "Hi {{ first_name | default: 'you' }}"}) == {}


def test_law_54_an_email_never_says_what_somebody_asked_for() -> None:
    wrong = wrong_words({"en": "Hello"}, {"en": "First\nAbout {{ service }}"})
    assert wrong["body_en"].startswith("Line 2")


def test_sec_10_an_email_knows_no_loops() -> None:
    assert "body_en" in wrong_words({"en": "Hi"}, {"en": "{% for x in y %}{% endfor %}"})


def test_law_53_clinical_words_are_found_also_with_accents() -> None:
    assert clinical_words("Su cirugía y su DIAGNÓSTICO; braces, standard, lasers") == [
        *("cirugia", "diagnostico", "braces", "lasers")
    ]
    assert clinical_words("We will find a time that suits you. Studies, prestige.") == []


@pytest.mark.parametrize(
    ("subjects", "bodies", "field"),
    [({"en": "Hi"}, {}, "body_en"), ({"en": "Hi"}, {"en": "a", "es": "b"}, "subject_es")],
)
def test_each_language_has_a_subject_and_words(
    uow: UnitOfWork, subjects: dict[str, str], bodies: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        new_template(uow, "Email", bodies, "care", subjects)
    assert field in refused.value.fields


def test_an_email_is_published_in_versions(uow: UnitOfWork) -> None:
    made = new_template(uow, "Email", {"en": "Hello"}, "care", {"en": "Hi"})
    first = made.version_id
    assert first is not None
    save_template(uow, made.id, first, "Email", {"en": "Hello"}, {"en": "Hi"})
    assert made.version_id == first
    save_template(uow, made.id, first, "Email", {"en": "Hello"}, {"en": "Other"})
    version = uow.get(TemplateVersion, made.version_id)
    assert (made.channel, version.number, version.subjects) == ("email", 2, {"en": "Other"})


def test_an_email_never_becomes_a_text_under_the_same_name(uow: UnitOfWork) -> None:
    add_template(uow, "Email", {"en": "Hello"}, "care", {"en": "Hi"})
    with pytest.raises(Invalid):
        add_template(uow, "Email", {"en": "Hello"})


def test_a12_law_40_marketing_is_not_published_without_a_postal_address(uow: UnitOfWork) -> None:
    with pytest.raises(Invalid, match="postal address"):
        new_template(uow, "Refused", {"en": "Hello"}, "marketing", {"en": "Hi"})
    uow.session.get_one(Clinic, uow.clinic_id).postal_address = "1 Main St"
    uow.session.flush()
    offer = new_template(uow, "Offer", {"en": "Hello"}, "marketing", {"en": "Hi"})
    uow.session.get_one(Clinic, uow.clinic_id).postal_address = None
    uow.session.flush()
    assert offer.version_id is not None
    with pytest.raises(Invalid, match="postal address"):
        save_template(uow, offer.id, offer.version_id, "Offer", {"en": "New"}, {"en": "Hi"})


def test_an_email_is_written_on_the_page_and_its_preview_warns(house: House) -> None:
    browser = house.signed_in("marketer")
    page = f"{LIST}/new?channel=email"
    words = {"name": "Mail", "channel": "email", "subject_en": "Hi", "body_en": "Your surgery"}
    refused = browser.submit(page, LIST, **{**words, "subject_en": "Hi {{ first_name }}"})
    assert refused.status_code == 422
    assert "Take “first name” out of the subject" in refused.text
    assert 'name="channel" value="email"' in refused.text
    preview = browser.submit(page, f"{LIST}/preview", **words)
    assert "surgery" in preview.text
    assert "Others may read it" in preview.text
    assert browser.submit(page, LIST, **words).status_code == 303
    [made] = house.all(Template, col(Template.name) == "Mail")
    assert made.channel == "email"
    assert "Mail" in browser.get(LIST).text
    assert 'name="subject_es"' in browser.get(f"{LIST}/{made.id}").text
