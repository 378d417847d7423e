"""Whoever writes templates sends himself a test: marked, to nobody else, and counted for nobody."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete
from sqlmodel import col

from crm.accounts.models import Clinic, User
from crm.compliance.actions import suppress
from crm.contacts.actions import claim_addresses
from crm.contacts.models import Address, Contact, ContactAddress
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import pause_account
from crm.messaging.actions.trying import MOST
from crm.messaging.models import ChannelAccount, Communication, SendDay, Template
from tests.conftest import Drain
from tests.support.browsing import Browser
from tests.support.houses import House, cheap_app, email_of, furnish

FIRST = "New request: first text"
PHONE = "+12125550177"
OFFER = {
    "name": "Spring offer",
    "channel": "email",
    "message_class": "marketing",
    "subject_en": "News from {{ clinic_name }}",
    "body_en": "Hello {{ first_name }}, see https://clinic.example/news",
    "subject_es": "Noticias de {{ clinic_name }}",
    "body_es": "Hola {{ first_name }}",
}


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    made = furnish(runtime, cheap_app(runtime), clinic)
    made.set_clock("2027-02-02 11:00")
    yield made
    made.close()


@pytest.fixture
def marketer(house: House) -> Browser:
    return house.signed_in("marketer")


def template(house: House, name: str = FIRST) -> Template:
    [found] = house.all(Template, col(Template.name) == name)
    return found


def try_it(browser: Browser, one: Template, **typed: str) -> int:
    page = f"/settings/templates/{one.id}/test"
    sent = {"key": str(uuid4()), "language": "en", "phone": "(212) 555-0177", **typed}
    if one.channel == "email":
        del sent["phone"]
    return browser.submit(page, page, **sent).status_code


def tried(house: House) -> list[Communication]:
    return house.all(Communication, col(Communication.origin_kind) == "test")


def test_a_text_goes_at_night_to_ones_own_phone_and_says_that_it_is_a_test(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-02-02 23:30")
    marketer = house.signed_in("marketer")
    house.do(lambda uow: setattr(uow.session.get_one(Clinic, uow.clinic_id), "is_holding_sends", 1))

    assert try_it(marketer, template(house)) == 303
    drain()

    [said] = house.sent(PHONE)
    assert said.startswith("TEST: ")
    assert "Hi Mia" in said
    assert "Reply STOP" in said
    [row] = tried(house)
    assert (row.contact_id, row.lead_id, row.consent_id, row.message_class) == (
        *(None, None, None),
        "staff",
    )
    assert house.all(SendDay) == []
    assert house.all(Contact) == []
    page = marketer.get(f"/settings/templates/{template(house).id}/test").text
    assert "Delivered" in page or "Sent" in page
    assert "(212) 555-0177" in page
    assert "TEST: " in marketer.get("/sandbox").text


def test_an_offer_is_tried_by_email_in_spanish_without_consent_and_looks_like_one(
    house: House, marketer: Browser, drain: Drain
) -> None:
    house.do(
        lambda uow: setattr(
            uow.session.get_one(Clinic, uow.clinic_id), "postal_address", "1 Main St"
        )
    )
    assert (
        marketer.submit("/settings/templates/new", "/settings/templates", **OFFER).status_code
        == 303
    )
    offer = template(house, "Spring offer")

    assert try_it(marketer, offer, language="es") == 303
    drain()

    [row] = tried(house)
    subject, html = house.do(
        lambda uow: [uow.decrypt(row.id, part) for part in (row.subject, row.html)]
    )
    assert (row.status, subject) == ("sent", "PRUEBA: Noticias de Riverside Dental")
    assert "Hola Mia" in html
    assert "/u/" in html
    assert "1 Main St" in html
    [address] = house.all(Address, col(Address.id) == row.address_id)
    assert address.value == email_of("marketer", house.clinic)


def test_a_number_of_a_patient_gets_no_test(house: House, marketer: Browser, drain: Drain) -> None:
    house.ask(PHONE)
    drain()
    before = house.sent(PHONE)
    assert before

    assert try_it(marketer, template(house)) == 422
    drain()

    assert tried(house) == []
    assert house.sent(PHONE) == before


def test_nor_does_one_that_was_taken_off_a_patients_card(
    house: House, marketer: Browser, drain: Drain
) -> None:
    house.ask(PHONE)
    drain()
    house.do(lambda uow: uow.session.execute(delete(ContactAddress)))

    assert try_it(marketer, template(house)) == 422
    assert tried(house) == []


def test_a_test_counts_for_nobody_who_becomes_a_patient_at_that_number(
    house: House, marketer: Browser, drain: Drain
) -> None:
    for _ in range(3):
        assert try_it(marketer, template(house)) == 303
    drain()
    assert len(house.sent(PHONE)) == 3

    house.ask(PHONE)
    drain()

    first = house.sent(PHONE)[3]
    # Their cap of a day has room, and nobody has told them yet how to end it.
    assert "Reply STOP" in first
    assert not first.startswith("TEST")


@pytest.mark.parametrize(
    "typed",
    [{"phone": "12"}, {"phone": ""}, {"language": "fr"}, {"key": ""}],
)
def test_what_cannot_be_tried_is_said_and_nothing_leaves(
    house: House, marketer: Browser, typed: dict[str, str]
) -> None:
    assert try_it(marketer, template(house), **typed) == 422
    assert tried(house) == []


def test_a_form_that_is_sent_twice_is_one_test_and_no_button_becomes_a_bill(
    house: House, marketer: Browser
) -> None:
    one = template(house)
    for _ in range(2):
        assert try_it(marketer, one, key="same") == 303
    assert len(tried(house)) == 1
    for _ in range(MOST - 1):
        assert try_it(marketer, one) == 303
    assert try_it(marketer, one) == 429
    assert len(tried(house)) == MOST
    house.runtime.clock.advance(hours=1, minutes=1)
    assert try_it(house.signed_in("marketer"), one) == 303


def test_who_stopped_texts_gets_none_as_a_test_either_and_is_told(
    house: House, marketer: Browser, drain: Drain
) -> None:
    def stop(uow: UnitOfWork) -> None:
        [address_id] = claim_addresses(uow, [("phone", PHONE)]).values()
        suppress(uow, address_id, "sms", "keyword", None)

    house.do(stop)
    assert try_it(marketer, template(house)) == 303
    drain()
    assert house.sent(PHONE) == []
    assert "opted out" in marketer.get(f"/settings/templates/{template(house).id}/test").text


def test_what_keeps_a_test_back_is_shown_and_it_does_not_leave_later(
    house: House, marketer: Browser, drain: Drain
) -> None:
    [account] = house.all(ChannelAccount, col(ChannelAccount.channel) == "sms")
    house.do(pause_account, account.id, "30034")
    assert try_it(marketer, template(house)) == 303
    page = f"/settings/templates/{template(house).id}/test"
    assert 'hx-trigger="load delay:2s"' in marketer.get(page).text
    house.runtime.clock.advance(minutes=16)
    drain()
    assert house.sent(PHONE) == []
    assert "too late to be of use" in house.page(page, "marketer")


def test_the_number_is_kept_for_its_owner_alone(house: House, marketer: Browser) -> None:
    assert try_it(marketer, template(house)) == 303
    phones = {user.email: user.phone for user in house.all(User)}
    assert phones.pop(email_of("marketer", house.clinic)) == PHONE
    assert set(phones.values()) == {None}


def test_who_may_not_write_templates_tries_none(house: House) -> None:
    page = f"/settings/templates/{template(house).id}/test"
    for role in ("front_desk", "provider"):
        assert house.signed_in(role).get(page).status_code == 403  # type: ignore[arg-type]
